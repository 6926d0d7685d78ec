package cloudflare

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"slices"
	"sync/atomic"
	"time"
)

// maxAnswer bounds how much of an answer is read. A longer answer is cut off, so it is not valid
// JSON. A page of 100 secrets has some 30 KiB.
const maxAnswer = 32 << 20

// answer is the result of one attempt.
type answer struct {
	unsent  bool   // certainly never sent
	final   bool   // unsent, and would be again
	failure string // why there is no answer, in our own words
	status  int    // 0 if there is no answer
	header  http.Header
	env     *envelope // nil if the answer is not an envelope
	read    bool      // the result was understood
}

// attempt sends a request once.
func (c *Client) attempt(ctx context.Context, r *request) *answer {
	if r.writes() {
		ctx = context.WithoutCancel(ctx) // see Client
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	start := time.Now()
	a := c.exchange(r.attempt(ctx))
	// No header and no body is logged: they hold the token and the values.
	c.log.DebugContext(ctx, "request", "method", r.built.Method, "path", r.built.URL.Path, "status", a.status,
		"duration", time.Since(start), "cf_ray", a.ray(), "failure", a.failure)
	c.clock.update(a.header)
	a.read = a.env != nil && *a.env.Success && (r.read == nil || r.read(a.env))
	return a
}

// exchange sends a request and reads the answer.
func (c *Client) exchange(req *http.Request) *answer {
	var asked, connected atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true); c.slots.Open() },
	}))
	a := &answer{}
	res, err := c.http.Do(req)
	if err == nil {
		a.status, a.header = res.StatusCode, res.Header
		var body []byte
		body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		_ = res.Body.Close()
		if err == nil { // an incomplete answer counts as no answer
			a.env = decodeEnvelope(body)
		}
	}
	if err != nil {
		a.failure = describe(err)
		// Without a trace event the transport is not net/http's, and nothing is certain.
		a.unsent = asked.Load() && !connected.Load()
		_, byProxy := errors.AsType[proxyError](err)
		a.final = a.unsent && (byProxy || untrusted(err))
	}
	return a
}

// refuses reports whether the API itself refused the request, with any HTTP status
// (docs/cloudflare-api.md §10.15).
func (a *answer) refuses() bool { return a.env != nil && !*a.env.Success }

// refusedWith reports whether the API refused the request with the code.
func (a *answer) refusedWith(code int) bool {
	return a.refuses() && slices.ContainsFunc(a.env.Errors, func(e apiError) bool { return e.Code == code })
}

// untrusted reports whether the server's certificate is not trusted, which no retry changes.
func untrusted(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}

// describe says why there is no answer. It quotes network errors only. Others, such as
// net/http's for a malformed answer, quote what the server sent.
func describe(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer came in time"
	}
	if untrusted(err) {
		return "the server's certificate is not trusted here (a proxy that opens TLS needs its authority in the system's store)"
	}
	if proxy, ok := errors.AsType[proxyError](err); ok {
		return proxy.Error()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return "the connection failed: " + op.Error()
	}
	return "the connection failed, or the answer is not HTTP"
}

// whatProxyLogin is the reason for a 407, which only a proxy sends.
const whatProxyLogin = "the proxy wants a login (HTTP 407): set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT"

// proxyError is a proxy's refusal to connect.
type proxyError struct{ status int }

func (e proxyError) Error() string {
	if e.status == http.StatusProxyAuthRequired {
		return whatProxyLogin
	}
	return fmt.Sprintf("the proxy refused to connect (HTTP %d): check HTTPS_PROXY and NO_PROXY", e.status)
}

var rayPattern = regexp.MustCompile(`^[0-9a-f]{16}(-[A-Z]{3})?$`)

// ray returns the request's id at Cloudflare, which their support asks for. A header in
// another format is left out, since it may hold anything.
func (a *answer) ray() string {
	return rayPattern.FindString(a.header.Get("CF-Ray"))
}
