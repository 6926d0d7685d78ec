package edgepreview

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/secretsync/secretsync/internal/cloudflare"
)

// label matches the part of a host's name between two dots.
var label = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`) })

// fedHost is the API's host for the compliance region fedramp_high.
const fedHost = "api.fed.cloudflare.com"

// workersDev returns the domain of the account's Workers.
func workersDev(api *url.URL, subdomain string) string {
	if strings.EqualFold(api.Hostname(), fedHost) {
		return subdomain + ".fed.workers.dev"
	}
	return subdomain + ".workers.dev"
}

// previewURL returns the address of an account's Worker. Emulators serve previews themselves.
func previewURL(api *url.URL, name, subdomain string) (*url.URL, error) {
	if !label().MatchString(name) {
		return nil, fmt.Errorf("%.64q is not the name of a Worker", name)
	}
	if cloudflare.IsLoopback(api.Hostname()) {
		return &url.URL{Scheme: api.Scheme, Host: api.Host, Path: "/__preview/" + name + "/"}, nil
	}
	return &url.URL{Scheme: "https", Host: name + "." + workersDev(api, subdomain), Path: "/"}, nil
}

// errNotCloudflares does not quote the address: it may hold a token.
var errNotCloudflares = errors.New("the address that the API named for it is not one of Cloudflare's, so nothing was sent there")

// checkExchangeURL parses the address of an exchange. It has to be Cloudflare's own: a host of
// cloudflare.com, or of the account's own workers.dev subdomain, because anyone can have another
// one. An emulator's has to be at its own origin.
func checkExchangeURL(text string, api *url.URL, subdomain string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Opaque != "" {
		return nil, errNotCloudflares
	}
	if cloudflare.IsLoopback(api.Hostname()) {
		if u.Scheme != api.Scheme || u.Host != api.Host {
			return nil, errNotCloudflares
		}
		return u, nil
	}
	domains := []string{"cloudflare.com", workersDev(api, subdomain)}
	host := strings.ToLower(u.Hostname())
	ours := slices.ContainsFunc(domains, func(d string) bool { return host == d || strings.HasSuffix(host, "."+d) })
	if u.Scheme != "https" || u.Port() != "" && u.Port() != "443" || !ours {
		return nil, errNotCloudflares
	}
	return u, nil
}

// isToken reports whether a text can be sent in a header.
func isToken(text string) bool {
	return text != "" && len(text) <= 16<<10 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
