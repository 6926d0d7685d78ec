package cloudflare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Call is a request to an endpoint of the account for which the SDK has no suitable method. It gets
// the same limits, retries and errors as this package's other requests.
type Call struct {
	// Op is what the call does, as an error begins: "reading the workers.dev subdomain".
	Op     string
	Method string
	// Path is what follows /accounts/ACCOUNT/, by segments: they are escaped.
	Path []string
	// OfUser says that Path follows /user/ instead.
	OfUser bool
	Query  url.Values
	Header http.Header
	// Body is the request's body, and ContentType its media type. Call takes Body over and wipes
	// it at the end.
	Body        []byte
	ContentType string
	// Permission is the token permission that the call needs, such as "Workers Scripts Read":
	// a refusal names it.
	Permission string
	// ReadOnly says that the call changes nothing although its method is not GET, so that it may
	// be repeated and given up at any time.
	ReadOnly bool
	// Read decodes result and result_info of a successful answer, and reports whether they have
	// the expected form. It may be nil.
	Read func(result, info json.RawMessage) bool
}

// Call sends a request. The error is an [*Error], unless the request could not be built.
func (c *Client) Call(ctx context.Context, call Call) error {
	r := &request{op: call.Op, permission: call.Permission, readOnly: call.ReadOnly}
	if call.Body != nil {
		r.body = &payload{data: call.Body, size: len(call.Body)}
	}
	if call.Read != nil {
		r.read = func(env *envelope) bool { return call.Read(env.Result, env.ResultInfo.raw) }
	}
	r.built, r.err = c.build(ctx, call)
	return c.do(ctx, r)
}

// build builds a request as the SDK does.
func (c *Client) build(ctx context.Context, call Call) (*http.Request, error) {
	u := *c.base
	path := []string{"accounts", c.account}
	if call.OfUser {
		path = []string{"user"}
	}
	for _, segment := range call.Path {
		if segment == "" || segment == "." || segment == ".." {
			return nil, fmt.Errorf("%.64q cannot be a part of a path", segment)
		}
		path = append(path, url.PathEscape(segment))
	}
	target := u.JoinPath(path...)
	target.RawQuery = call.Query.Encode()
	req, err := http.NewRequestWithContext(ctx, call.Method, target.String(), nil)
	if err != nil {
		return nil, errors.New("the address is not valid")
	}
	for key, values := range call.Header {
		req.Header[http.CanonicalHeaderKey(key)] = values
	}
	req.Header.Set("Accept", "application/json")
	if call.ContentType != "" {
		req.Header.Set("Content-Type", call.ContentType)
	}
	c.authorize(req.Header)
	return req, nil
}

// BaseURL returns the API's address, without a final slash.
func (c *Client) BaseURL() *url.URL {
	u := *c.base
	return &u
}

// Fetch sends a request to an address that is not the API's, once, and reads at most limit bytes
// of the answer. The API token is not sent, and no redirect is followed. The error has no text of
// the server's.
func (c *Client) Fetch(req *http.Request, limit int64) (status int, body []byte, err error) {
	if req.Header.Get("Authorization") != "" {
		return 0, nil, errors.New("a request to another server than the API has an Authorization header")
	}
	if c.userAgent != "" {
		req.Header.Set("User-Agent", c.userAgent)
	}
	if err := c.slots.Acquire(req.Context()); err != nil {
		return 0, nil, err
	}
	defer c.slots.Release()
	ctx, cancel := context.WithTimeout(req.Context(), c.timeout)
	defer cancel()
	start := time.Now()
	status, body, err = c.fetch(req.WithContext(ctx), limit)
	failure := ""
	if err != nil {
		failure = describe(err)
	}
	// No path and no header is logged: they hold tokens of the preview.
	c.log.DebugContext(ctx, "request elsewhere", "method", req.Method, "host", req.URL.Host, "status", status,
		"duration", time.Since(start), "failure", failure)
	switch {
	case err == nil:
		return status, body, nil
	case req.Context().Err() != nil:
		return 0, nil, req.Context().Err()
	}
	return 0, nil, errors.New(failure)
}

func (c *Client) fetch(req *http.Request, limit int64) (int, []byte, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, limit))
	return res.StatusCode, body, err
}

// HasCode reports whether Cloudflare's errors have a code.
func (e *Error) HasCode(code int) bool { return slices.Contains(e.Codes, code) }

// Denied reports whether the API refused the credential: it is not valid, or lacks a permission.
func (e *Error) Denied() bool {
	known := func(code int) bool { return slices.Contains(authenticationCodes, code) }
	return slices.ContainsFunc(e.Codes, known) ||
		len(e.Codes) > 0 && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden)
}

// Names reports whether a message contains the word. A caller can look for names that it chose
// itself; nothing else in Cloudflare's messages may be shown.
func (e *Error) Names(word string) bool {
	return e.says(func(message string) bool { return slices.Contains(strings.FieldsFunc(message, notInWord), word) })
}

// notInWord is what \W matches in a regular expression.
func notInWord(r rune) bool {
	return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// ForbidsBinding reports whether Cloudflare does not allow binding a secret. The code of that error,
// 10021, has other meanings too.
func (e *Error) ForbidsBinding() bool {
	const prefix = "Secrets Store binding authorization failed"
	return e.says(func(message string) bool {
		return len(message) >= len(prefix) && strings.EqualFold(message[:len(prefix)], prefix)
	})
}

// messages are the texts of Cloudflare's errors.
func (a *answer) messages() []string {
	var all []string
	for _, e := range a.env.Errors {
		all = append(all, e.Message)
	}
	return all
}

// says reports whether one of Cloudflare's messages satisfies a condition.
func (e *Error) says(condition func(message string) bool) bool {
	return e.messages != nil && slices.ContainsFunc(e.messages(), condition)
}
