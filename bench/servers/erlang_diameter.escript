#!/usr/bin/env escript
%% A credit-control server on Erlang/OTP's diameter application that charges nothing.
%%
%%     escript bench/servers/erlang_diameter.escript PORT
%%
%% For comparison: what peers and codec cost in another language, without rating, money or a record.
%% A dictionary of its own decodes each CCR; the answer is 2001 with a fixed grant for each service
%% that asks. Service-Information stays one AVP that is not taken apart. Prints `ready` when it
%% listens; ends when standard input does.
-mode(compile).

-define(GRANT, 10 * 1024 * 1024).
-define(VALIDITY, 3600).

main([Port]) ->
    ok = load_dictionary(),
    ok = diameter:start(),
    ok = diameter:start_service(?MODULE, service()),
    {ok, _} = diameter:add_transport(?MODULE, {listen, [
        {transport_module, diameter_tcp},
        {transport_config, [{reuseaddr, true}, {nodelay, true},
                            {ip, {127, 0, 0, 1}}, {port, list_to_integer(Port)}]}]}),
    ok = wait_for_listener(),
    io:format("ready~n"),
    eof = io:get_line(""),
    halt(0).

%% The listener opens in a process of its own; it is there when the service names its port.
wait_for_listener() ->
    case diameter_tcp:ports() of
        [] -> receive after 10 -> wait_for_listener() end;
        _ -> ok
    end.

service() ->
    [{'Origin-Host', "erlang.ocs.example"},
     {'Origin-Realm', "ocs.example"},
     {'Vendor-Id', 0},
     {'Product-Name', "Erlang/OTP diameter"},
     {'Auth-Application-Id', [4]},
     {restrict_connections, false},
     {decode_format, map},
     {string_decode, false},
     {strict_mbit, false},
     {application, [{alias, credit_control},
                    {dictionary, bench_credit_control},
                    {module, [diameter_callback, {handle_request, fun answer/3}]}]}].

%% A packet's fields: header, AVPs, message, octets, errors, transport.
answer({diameter_packet, _, _, ['CCR' | Request], _, [], _}, _Service, _Peer) ->
    #{'Session-Id' := Session, 'CC-Request-Type' := Type, 'CC-Request-Number' := Number} = Request,
    Services = maps:get('Multiple-Services-Credit-Control', Request, []),
    {reply, ['CCA' | #{'Session-Id' => Session,
                       'Result-Code' => 2001,
                       'Origin-Host' => "erlang.ocs.example",
                       'Origin-Realm' => "ocs.example",
                       'Auth-Application-Id' => 4,
                       'CC-Request-Type' => Type,
                       'CC-Request-Number' => Number,
                       'Multiple-Services-Credit-Control' => [grant(S) || S <- Services]}]};
answer({diameter_packet, _, _, _, _, [_ | _] = Errors, _}, _Service, _Peer) ->
    io:format(standard_error, "refused: ~p~n", [Errors]),
    {protocol_error, 3001}.

grant(#{'Requested-Service-Unit' := [_]} = Service) ->
    (named(Service))#{'Granted-Service-Unit' => [#{'CC-Total-Octets' => [?GRANT]}],
                      'Validity-Time' => [?VALIDITY]};
grant(Service) ->
    named(Service).

named(Service) ->
    (maps:with(['Rating-Group', 'Service-Identifier'], Service))#{'Result-Code' => [2001]}.

load_dictionary() ->
    {ok, [Forms]} = diameter_make:codec(dictionary(), [forms, return]),
    {ok, Module, Code} = compile:forms(Forms, []),
    {module, Module} = code:load_binary(Module, "dictionary", Code),
    ok.

%% RFC 8506, 3: of the AVPs those that are read or written here.
dictionary() -> "
@id 4
@name bench_credit_control
@vendor 0 IETF
@inherits diameter_gen_base_rfc6733
@avp_types
   CC-Input-Octets                   412 Unsigned64 M
   CC-Output-Octets                  414 Unsigned64 M
   CC-Request-Number                 415 Unsigned32 M
   CC-Request-Type                   416 Unsigned32 M
   CC-Time                           420 Unsigned32 M
   CC-Total-Octets                   421 Unsigned64 M
   Granted-Service-Unit              431 Grouped    M
   Rating-Group                      432 Unsigned32 M
   Requested-Service-Unit            437 Grouped    M
   Service-Identifier                439 Unsigned32 M
   Subscription-Id                   443 Grouped    M
   Subscription-Id-Data              444 UTF8String M
   Used-Service-Unit                 446 Grouped    M
   Validity-Time                     448 Unsigned32 M
   Subscription-Id-Type              450 Unsigned32 M
   Multiple-Services-Indicator       455 Unsigned32 M
   Multiple-Services-Credit-Control  456 Grouped    M
   Service-Context-Id                461 UTF8String M
@grouped
   Subscription-Id ::= < AVP Header: 443 >
      { Subscription-Id-Type }
      { Subscription-Id-Data }
   Granted-Service-Unit ::= < AVP Header: 431 >
      [ CC-Time ]
      [ CC-Total-Octets ]
   Requested-Service-Unit ::= < AVP Header: 437 >
      [ CC-Time ]
      [ CC-Total-Octets ]
    * [ AVP ]
   Used-Service-Unit ::= < AVP Header: 446 >
      [ CC-Time ]
      [ CC-Total-Octets ]
      [ CC-Input-Octets ]
      [ CC-Output-Octets ]
    * [ AVP ]
   Multiple-Services-Credit-Control ::= < AVP Header: 456 >
      [ Granted-Service-Unit ]
      [ Requested-Service-Unit ]
    * [ Used-Service-Unit ]
    * [ Service-Identifier ]
      [ Rating-Group ]
      [ Validity-Time ]
      [ Result-Code ]
    * [ AVP ]
@messages
   CCR ::= < Diameter Header: 272, REQ, PXY >
      < Session-Id >
      { Origin-Host }
      { Origin-Realm }
      { Destination-Realm }
      { Auth-Application-Id }
      { Service-Context-Id }
      { CC-Request-Type }
      { CC-Request-Number }
      [ Destination-Host ]
      [ Event-Timestamp ]
    * [ Subscription-Id ]
      [ Multiple-Services-Indicator ]
    * [ Multiple-Services-Credit-Control ]
    * [ AVP ]
   CCA ::= < Diameter Header: 272, PXY >
      < Session-Id >
      { Result-Code }
      { Origin-Host }
      { Origin-Realm }
      { Auth-Application-Id }
      { CC-Request-Type }
      { CC-Request-Number }
    * [ Multiple-Services-Credit-Control ]
".
