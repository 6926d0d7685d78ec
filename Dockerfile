# An image with the program, the licences of all that it contains and the CA certificates, run by a user that is not root.
# It has no shell and no package manager. The build downloads only Go modules. VERSION is what secretsync --version
# prints: the repository is not sent to the build. Releases use packaging/Dockerfile instead.
#
#   docker build -t secretsync --build-arg VERSION="$(git describe --always --dirty)" .
#   docker run --rm -v "$PWD:/repo:ro" -e CLOUDFLARE_API_TOKEN -e CLOUDFLARE_ACCOUNT_ID secretsync drift
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -tags disable_grpc_modules -trimpath \
    -ldflags "-s -w -buildid= -X github.com/secretsync/secretsync/internal/buildinfo.commit=$VERSION" -o /out/secretsync ./cmd/secretsync
RUN go run ./internal/licences/thirdparty >/out/THIRD_PARTY_LICENSES.txt

FROM scratch
LABEL org.opencontainers.image.title="secretsync" \
      org.opencontainers.image.description="Manages the secrets of Cloudflare's Secrets Store from git" \
      org.opencontainers.image.source="https://github.com/secretsync/secretsync" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY LICENSE /LICENSE
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/THIRD_PARTY_LICENSES.txt /THIRD_PARTY_LICENSES.txt
COPY --from=build /out/secretsync /secretsync
WORKDIR /repo
USER 65532:65532
ENTRYPOINT ["/secretsync"]
