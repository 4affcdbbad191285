# drydock in a container, for CI jobs that may run privileged ones:
#   docker run --rm --privileged -v "$PWD":/work -w /work drydock run --memory 64Mi -- ./job
# The base has glibc: the main program is dynamic, because GPU drivers are
# opened at run time; the supervisor is static.
FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libseccomp-dev pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN make build VERSION="$VERSION"

FROM debian:bookworm-slim
COPY --from=build /src/bin/drydock /src/bin/drydock-shim /usr/local/bin/
VOLUME /var/lib/drydock
ENTRYPOINT ["drydock"]
CMD ["help"]
