"""The function library: contracts that hold, names by content, two releases side by side."""

import pytest
from redis.asyncio import Redis

from ocs.abmf.library import (
    FOLDER,
    FUNCTIONS,
    ContractBroken,
    Library,
    check_contract,
    statuses_listed,
)

HEADER = """--[[ Does something.

  Returns {status, ...}
    done   it was
    gone   it was not
]]
"""


@pytest.mark.parametrize(
    "code",
    [
        "return {'done'}",
        "return {'done'} return {'gone'} return {'else'}",
        "local status = 'done'\nif x then status = 'else' end\nreturn {'gone'}",
    ],
)
def test_a_header_that_differs_from_its_code_is_refused(code: str) -> None:
    """A status that is listed and never returned, or returned and not listed."""
    with pytest.raises(ContractBroken):
        check_contract("f", HEADER + code)
    check_contract("f", HEADER + "return {'done'} return {'gone'}")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_opens_with_its_contract(name: str) -> None:
    """Keys, arguments and statuses stand at the top; writes come behind the mark."""
    code = (FOLDER / f"{name}.lua").read_text()
    assert code.startswith("--[[")
    assert statuses_listed(code)
    assert code.count("-- Nothing below may fail.") == 1


async def test_loading_twice_changes_nothing(redis: Redis) -> None:
    """Workers load when they start, in any order."""
    library = Library.from_package()
    await library.load(redis)
    await library.load(redis)
    assert await names(redis) >= {library.charge, library.post, library.expire, library.put}


async def test_another_release_has_other_names(redis: Redis) -> None:
    """A rolling upgrade: the functions of both stay callable."""
    now = Library.from_package()
    later = Library(
        "ocs_later",
        now.source.replace(now.name.removeprefix("ocs_"), "later"),
        *(f"ocs_{name}_later" for name in FUNCTIONS),
    )
    await now.load(redis)
    await later.load(redis)
    assert await names(redis) >= {now.charge, later.charge}


async def names(redis: Redis) -> set[str]:
    """Every function the store knows."""
    found: set[str] = set()
    for library in await redis.function_list():
        fields = dict(zip(library[::2], library[1::2], strict=True))
        for function in fields[b"functions"]:
            found.add(dict(zip(function[::2], function[1::2], strict=True))[b"name"].decode())
    return found
