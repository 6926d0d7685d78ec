package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/secretsync/secretsync/internal/emulator/preview"
)

// What has hosts of its own at Cloudflare is served below these paths: the Workers that run as
// previews, and the exchange of a session's token. Neither gets an API token.
const (
	previewRoot  = "/__preview/"
	exchangeRoot = "/__exchange/"
)

func subdomain(c *call) (any, error) {
	if c.opts.NoSubdomain {
		return nil, errNoSubdomain
	}
	return map[string]string{"subdomain": "emulator"}, nil
}

// previewSession answers with a token that has to be exchanged once before it is used, or that
// is used as it is.
func previewSession(c *call) (any, error) {
	if c.opts.NoSubdomain {
		return nil, errNoPreviews
	}
	token := c.previews.Session(c.PathValue("account"))
	return map[string]string{"token": token, "exchange_url": "http://" + c.Host + exchangeRoot + token}, nil
}

// uploadPreview accepts a Worker that may bind its secrets.
func uploadPreview(c *call) (any, error) {
	id := c.PathValue("account")
	if !c.previews.Permits(c.Header.Get("cf-preview-upload-config-token"), id) {
		return nil, errSessionEnded
	}
	worker, err := preview.Read(c.PathValue("script"), c.Header.Get("Content-Type"), c.Body)
	if err != nil {
		return nil, errInvalidUpload.with("%v", err)
	}
	now := c.tick()
	for _, b := range worker.Secrets {
		if err := c.bind(now, b.Name, b.StoreID, b.SecretName); err != nil {
			return nil, err
		}
	}
	return map[string]string{"preview_token": c.previews.Add(worker, c.reader(id))}, nil
}

var errNotKept = errors.New("the emulator keeps no values, or did not when this one was written: start it with --keep-values")

// reader returns how the Workers of an account read secrets: with the lag of other reads.
// That a secret cannot be read while it is pending is a guess.
func (s *Server) reader(id string) preview.Reader {
	return func(b preview.SecretBinding) (string, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		a := s.state.Accounts[id]
		if s.opts.Lag > 0 {
			a = s.state.Before(id, s.opts.Lag, s.opts.Now())
		}
		r, _ := a.Secret(b.StoreID, b.SecretName)
		switch {
		case r == nil, s.opts.PendingFor > 0 && s.opts.Now().Before(r.Created.Add(s.opts.PendingFor)):
			return "", fmt.Errorf("secret %q: %w", b.SecretName, preview.ErrNotFound)
		case !slices.Contains(r.Scopes, "workers"):
			return "", fmt.Errorf("secret %q does not have the scope workers", b.SecretName)
		case !r.Value.Plain.IsSet():
			return "", errNotKept
		}
		return string(r.Value.Plain.Reveal()), nil
	}
}

// servePreview answers a request to a host of its own at Cloudflare, and reports whether it is
// one. Such requests do not count in the rate limit.
func (s *Server) servePreview(w http.ResponseWriter, r *http.Request) bool {
	if token, found := strings.CutPrefix(r.URL.Path, exchangeRoot); found {
		s.exchange(w, r, token)
		return true
	}
	rest, found := strings.CutPrefix(r.URL.Path, previewRoot)
	if !found {
		return false
	}
	name, path, _ := strings.Cut(rest, "/")
	token := r.Header.Get("cf-workers-preview-token")
	seen := r.Clone(r.Context())
	seen.URL.Path, seen.URL.RawPath = "/"+path, ""
	seen.Header.Del("cf-workers-preview-token")
	s.previews.Serve(w, seen, name, token)
	w.Header().Del("Content-Length") // a fault may shorten the answer
	return true
}

// exchange answers without an envelope. The other fields of Cloudflare's answer are for
// debuggers.
func (s *Server) exchange(w http.ResponseWriter, r *http.Request, token string) {
	exchanged, ok := s.previews.Exchange(token)
	if !ok || r.Method != http.MethodGet {
		http.Error(w, "the token cannot be exchanged", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(w).Encode(map[string]string{"token": exchanged}) // encoding plain data into a buffer cannot fail
}
