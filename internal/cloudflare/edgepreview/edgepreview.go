// Package edgepreview runs Workers at Cloudflare without deploying them, by the endpoints that
// `wrangler dev --remote` uses (docs/cloudflare-api.md §15). It implements [witness.Previewer].
package edgepreview

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/secretsync/secretsync/internal/cloudflare"
	"github.com/secretsync/secretsync/internal/witness"
)

var _ witness.Previewer = (*Previewer)(nil)

// permission is what a token needs for previews.
const permission = "Workers Scripts Edit"

// Previewer runs Workers of one account. It is safe for concurrent use.
type Previewer struct {
	client *cloudflare.Client

	mu        sync.Mutex
	subdomain string // of the account at workers.dev; empty if it was not read yet
}

// New returns the Previewer of a client's account. It sends nothing yet.
func New(client *cloudflare.Client) *Previewer { return &Previewer{client: client} }

// Preview implements [witness.Previewer]. It may repeat a request: none of them changes anything
// that lasts.
func (p *Previewer) Preview(ctx context.Context, u witness.Upload) (witness.Preview, error) {
	subdomain, err := p.readSubdomain(ctx)
	if err != nil {
		return nil, &witness.StepError{Step: witness.StepSubdomain, Err: err}
	}
	address, err := previewURL(p.client.BaseURL(), u.Name, subdomain)
	if err != nil {
		return nil, &witness.StepError{Step: witness.StepUpload, Err: err}
	}
	s, err := p.openSession(ctx)
	if err != nil {
		return nil, &witness.StepError{Step: witness.StepToken, Err: err}
	}
	token, unexchanged := p.exchange(ctx, s, subdomain)
	if unexchanged != nil {
		token = s.Token // which usually serves
	}
	preview, err := p.upload(ctx, u, token)
	_, refused := errors.AsType[*witness.BindingError](err)
	switch {
	case err == nil:
		return &running{client: p.client, address: address, token: preview}, nil
	case unexchanged != nil && !refused:
		return nil, &witness.StepError{Step: witness.StepExchange, Err: fmt.Errorf("%w; and without it, %w", unexchanged, err)}
	}
	return nil, &witness.StepError{Step: witness.StepUpload, Err: err}
}

// codeNoSubdomain is the error of an account that has no workers.dev subdomain yet.
const codeNoSubdomain = 10007

// readSubdomain returns the account's subdomain of workers.dev.
func (p *Previewer) readSubdomain(ctx context.Context) (string, error) {
	p.mu.Lock() // also while reading: groups that start together read it once
	defer p.mu.Unlock()
	if p.subdomain != "" {
		return p.subdomain, nil
	}
	var found string
	err := p.client.Call(ctx, cloudflare.Call{
		Op: "reading the workers.dev subdomain", Method: http.MethodGet, Path: []string{"workers", "subdomain"}, Permission: permission,
		Read: func(result, _ json.RawMessage) bool {
			var r struct{ Subdomain string }
			ok := json.Unmarshal(result, &r) == nil && label().MatchString(r.Subdomain)
			found = r.Subdomain
			return ok
		},
	})
	if e, ok := errors.AsType[*cloudflare.Error](err); ok && e.HasCode(codeNoSubdomain) {
		return "", fmt.Errorf("the account has no workers.dev subdomain, which previews need:"+
			" open Workers & Pages in Cloudflare's dashboard once (%w)", err)
	}
	if err != nil {
		return "", err
	}
	p.subdomain = found
	return found, nil
}

// session is what an upload needs.
type session struct {
	Token       string
	ExchangeURL string `json:"exchange_url"`
}

func (p *Previewer) openSession(ctx context.Context) (session, error) {
	var s session
	err := p.client.Call(ctx, cloudflare.Call{
		Op: "opening a preview session", Method: http.MethodGet, Path: []string{"workers", "subdomain", "edge-preview"}, Permission: permission,
		Read: func(result, _ json.RawMessage) bool {
			s = session{}
			return json.Unmarshal(result, &s) == nil && isToken(s.Token)
		},
	})
	return s, err
}

// maxExchange is the maximum size of the answer to an exchange.
const maxExchange = 64 << 10

// exchange returns the token for the upload, for which the session's may have to be exchanged.
func (p *Previewer) exchange(ctx context.Context, s session, subdomain string) (string, error) {
	if s.ExchangeURL == "" {
		return s.Token, nil
	}
	const op = "exchanging the token of the preview session"
	u, err := checkExchangeURL(s.ExchangeURL, p.client.BaseURL(), subdomain)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, errNotCloudflares)
	}
	status, body, err := p.client.Fetch(req, maxExchange)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	var answer struct{ Token string }
	if status != http.StatusOK || json.Unmarshal(body, &answer) != nil || !isToken(answer.Token) {
		return "", fmt.Errorf("%s: the answer has no token (HTTP %d)", op, status)
	}
	return answer.Token, nil
}

// codeBindingNotFound is the error of an upload that binds a secret that does not exist.
const codeBindingNotFound = 10182

// upload uploads a Worker, and returns the token that runs it.
func (p *Previewer) upload(ctx context.Context, u witness.Upload, token string) (string, error) {
	body, contentType, err := encode(u)
	if err != nil {
		return "", err
	}
	var preview string
	err = p.client.Call(ctx, cloudflare.Call{
		Op: "uploading the witness", Method: http.MethodPost, Path: []string{"workers", "scripts", u.Name, "edge-preview"},
		Header: http.Header{"Cf-Preview-Upload-Config-Token": {token}}, Body: body, ContentType: contentType,
		Permission: permission, ReadOnly: true,
		Read: func(result, _ json.RawMessage) bool {
			var r struct {
				Token string `json:"preview_token"`
			}
			ok := json.Unmarshal(result, &r) == nil && isToken(r.Token)
			preview = r.Token
			return ok
		},
	})
	if e, ok := errors.AsType[*cloudflare.Error](err); ok {
		return "", explain(e, u)
	}
	return preview, err
}

// explain recognises a refusal of bindings.
func explain(e *cloudflare.Error, u witness.Upload) error {
	refused := &witness.BindingError{NotFound: e.HasCode(codeBindingNotFound)}
	for _, s := range u.Secrets {
		if e.Names(s.Binding) {
			refused.Bindings = append(refused.Bindings, s.Binding)
		}
	}
	switch {
	case refused.NotFound:
		refused.Err = fmt.Errorf("a secret to bind does not exist: %w", e)
	case len(refused.Bindings) > 0 || e.ForbidsBinding():
		refused.Err = fmt.Errorf("binding secrets was refused: the API token needs the permission %q too, and each secret the scope %q: %w",
			"Secrets Store Write", "workers", e)
	default:
		return e
	}
	return refused
}

// running is an uploaded Worker.
type running struct {
	client  *cloudflare.Client
	address *url.URL
	token   string
}

// Post implements [witness.Preview].
func (r *running) Post(ctx context.Context, body []byte, limit int64) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.address.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, errors.New("the preview's address is not valid")
	}
	req.Header.Set("Cf-Workers-Preview-Token", r.token)
	req.Header.Set("Content-Type", "text/plain")
	return r.client.Fetch(req, limit)
}
