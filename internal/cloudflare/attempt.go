package cloudflare

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cloudflare/cloudflare-go/v4/option"
)

// maxAnswer bounds what is read of an answer: a longer one is cut, and so no JSON.
// A page of 100 secrets is some 30 KiB.
const maxAnswer = 32 << 20

// answer is what came of one attempt.
type answer struct {
	unsent  bool   // certainly never sent
	failure string // why no answer came, in our own words
	status  int    // 0 if none came
	header  http.Header
	env     *envelope // nil if what came is no envelope
	read    bool      // the result was understood
}

// attempt makes one attempt.
func (c *Client) attempt(ctx context.Context, k *call) *answer {
	if k.writes() {
		ctx = context.WithoutCancel(ctx) // see Client
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	x := &exchange{http: c.http, log: c.log, body: k.body}
	opts := []option.RequestOption{option.WithHTTPClient(x)}
	if k.body != nil {
		opts = append(opts, option.WithRequestBody("application/json", k.body.reader()))
	}
	k.send(ctx, opts...)
	a := x.answer
	if a == nil {
		return &answer{unsent: true, failure: "the request could not be built"}
	}
	c.clock.heed(a.header)
	a.read = a.env != nil && *a.env.Success && (k.read == nil || k.read(a.env))
	return a
}

// refuses reports whether the API itself says no, whatever the HTTP status
// (docs/cloudflare-api.md §10.15).
func (a *answer) refuses() bool { return a.env != nil && !*a.env.Success }

// refusedWith reports whether it does so with a code.
func (a *answer) refusedWith(code int) bool {
	return a.refuses() && slices.ContainsFunc(a.env.Errors, func(e apiError) bool { return e.Code == code })
}

func (k *call) writes() bool { return k.method != http.MethodGet }

// errKept is all that the SDK hears.
var errKept = errors.New("the answer is kept from the SDK")

// exchange is the HTTP client of one attempt. It keeps the answer to itself, since
// the SDK would ignore "success" (docs/cloudflare-api.md §10.15), drop the scopes (§10.10),
// take an object for an empty page (§10.1), read an answer of any size, and make
// errors that print it (§10.17).
type exchange struct {
	http   *http.Client
	log    *slog.Logger
	body   *payload
	answer *answer
}

// Do implements [option.HTTPClient].
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	if x.body != nil {
		req.ContentLength = int64(x.body.size)
		// Lets net/http send again what a stale connection didn't take a byte of.
		req.GetBody = func() (io.ReadCloser, error) { return x.body.reader(), nil }
	}
	var asked, connected atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	}))
	start := time.Now()
	a := &answer{}
	res, err := x.http.Do(req)
	if err == nil {
		a.status, a.header = res.StatusCode, res.Header
		var body []byte
		body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		_ = res.Body.Close()
		if err == nil { // half an answer is none
			a.env = decodeEnvelope(body)
		}
	}
	if err != nil {
		a.failure = describe(err)
		// A transport that tells of no connection at all proves nothing.
		a.unsent = asked.Load() && !connected.Load()
	}
	x.answer = a
	// Never a header or a body: they hold the token and the values.
	x.log.DebugContext(req.Context(), "request", "method", req.Method, "path", req.URL.Path, "status", a.status,
		"duration", time.Since(start), "cf_ray", a.ray(), "failure", a.failure)
	return nil, errKept
}

// describe says why no answer came. Only errors of the network are quoted: others,
// such as net/http's for a malformed answer, quote what the server sent.
func describe(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer came in time"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the server's certificate is not trusted here (a proxy that opens TLS needs its authority in the system's store)"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return "the connection failed: " + op.Error()
	}
	return "the connection failed, or what came over it is no HTTP"
}

var rayPattern = regexp.MustCompile(`^[0-9a-f]{16}(-[A-Z]{3})?$`)

// ray is the request's id at Cloudflare, which their support asks for. What is none may
// be anything, so it is left out.
func (a *answer) ray() string {
	return rayPattern.FindString(a.header.Get("CF-Ray"))
}
