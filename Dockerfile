# drydock in a container: both programs on a base with glibc, for the main one
# is dynamic (GPU drivers are opened at run time); the supervisor is static.
#
# `make image` builds bin/ first. docs/container.md says when to use it and how:
#   docker run --rm --privileged --cgroupns host drydock:TAG doctor
ARG BASE=debian:bookworm-slim
FROM ${BASE}
COPY bin/drydock bin/drydock-shim /usr/local/bin/
# Fails here, and not with the user, where the base's glibc is older than the builder's.
RUN ["/usr/local/bin/drydock", "version"]
# Private layers cannot lie on the container's own overlay.
VOLUME /var/lib/drydock
ENTRYPOINT ["drydock"]
CMD ["help"]
