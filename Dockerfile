# Two stages on the same base, so that the interpreter's path is the same in both.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/ocs
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY ocs ocs
RUN /opt/ocs/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.11-slim
LABEL org.opencontainers.image.title="Online Charging Server" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/ocs /opt/ocs
COPY config /srv/ocs/config
RUN mkdir -p /srv/ocs/var && chown -R 10001:10001 /srv/ocs/var
WORKDIR /srv/ocs
USER 10001:10001
# Inside a container every address is the container's own; what leaves it is decided by who runs it.
ENV PATH=/opt/ocs/bin:$PATH \
    OCS_DIAMETER__LISTEN='["0.0.0.0"]' \
    OCS_OPS__LISTEN=0.0.0.0
VOLUME /srv/ocs/var
EXPOSE 3868 9868
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["ocs", "healthcheck"]
ENTRYPOINT ["ocs"]
CMD ["serve"]
