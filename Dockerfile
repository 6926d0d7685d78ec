# The program alone: no shell, no package manager, certificates of authorities, a user that is not root. It fetches Go modules, nothing else.
#
#   docker build -t secretsync .
#   docker run --rm -v "$PWD:/repo:ro" -e CLOUDFLARE_API_TOKEN -e CLOUDFLARE_ACCOUNT_ID secretsync drift
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -buildid=" -o /out/secretsync ./cmd/secretsync

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/secretsync /secretsync
WORKDIR /repo
USER 65532:65532
ENTRYPOINT ["/secretsync"]
