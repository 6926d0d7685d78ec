package emulator

import (
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/secretsync/secretsync/internal/emulator/internal/ratelimit"
)

// FaultKind is a way for a request to fail.
type FaultKind string

// The kinds of fault. The zero kind means no fault.
const (
	FaultCut             FaultKind = "cut"       // the connection is closed
	FaultReset           FaultKind = "reset"     // the connection is reset
	FaultStall           FaultKind = "stall"     // no response until the client gives up or the server stops
	FaultInternal        FaultKind = "500"       // an error in an envelope
	FaultBadGateway      FaultKind = "502"       // an HTML page
	FaultUnavailable     FaultKind = "503"       // an error in an envelope
	FaultTruncated       FaultKind = "truncated" // the response and the connection end midway
	FaultMalformed       FaultKind = "malformed" // the response is not JSON, although its content type says so
	FaultEmpty           FaultKind = "empty"     // the response has no body
	FaultTooManyRequests FaultKind = "429"       // the rate limit
	FaultThrottled       FaultKind = "971"       // the rate limit inside a 200 (docs/cloudflare-api.md §6)
	FaultForbidden       FaultKind = "403"       // an authentication error
	FaultNotFound        FaultKind = "404"       // secret_not_found, although the secret exists
	FaultShort           FaultKind = "short"     // a list lacks every other entry, beginning with the first, and still counts them
	FaultLag             FaultKind = "lag"       // a read returns the state before the latest writes (docs/cloudflare-api.md §3)
)

// Fault is what goes wrong with one request. The zero Fault means that nothing does.
type Fault struct {
	Kind FaultKind
	// After makes the server handle the request first, so that it takes effect although the
	// client sees a failure. [FaultTruncated], [FaultMalformed] and [FaultEmpty], which
	// damage a response, imply it.
	After bool
	// RetryAfter is the value of the Retry-After header; zero omits the header.
	RetryAfter time.Duration
	// Lag is how far a [FaultLag] looks back; zero means before the latest write.
	Lag time.Duration
}

// handles reports whether the request is handled at all.
func (f Fault) handles() bool {
	switch f.Kind {
	case "", FaultTruncated, FaultMalformed, FaultEmpty, FaultShort, FaultLag:
		return true
	}
	return f.After
}

// spoil turns the correct response into the faulty one.
func (f Fault) spoil(a *answer) {
	if f.RetryAfter > 0 {
		a.header.Set("Retry-After", ratelimit.Seconds(f.RetryAfter))
	}
	switch f.Kind {
	case FaultCut, FaultReset, FaultStall:
		a.status = 0
	case FaultInternal:
		a.replace(errInternal)
	case FaultBadGateway:
		a.replace(errInternal)
		a.status = http.StatusBadGateway
		a.header.Set("Content-Type", "text/html; charset=UTF-8")
		a.body.Reset()
		a.body.WriteString("<html><head><title>502 Bad Gateway</title></head><body><center>cloudflare</center></body></html>\n")
	case FaultUnavailable:
		a.replace(errUnavailable)
	case FaultMalformed:
		a.body.Truncate(a.body.Len() / 2)
	case FaultEmpty:
		a.body.Reset()
	case FaultTooManyRequests:
		a.replace(errTooManyRequests)
	case FaultThrottled:
		a.replace(errThrottled)
	case FaultForbidden:
		a.replace(errForbidden)
	case FaultNotFound:
		a.replace(errSecretNotFound)
	}
}

// send sends the response, or breaks the connection as the fault says.
func (f Fault) send(w http.ResponseWriter, r *http.Request, a *answer, done <-chan struct{}) {
	switch f.Kind {
	case FaultReset:
		reset(w)
		return
	case FaultStall:
		select {
		case <-r.Context().Done():
		case <-done:
		}
		panic(http.ErrAbortHandler)
	case FaultCut:
		panic(http.ErrAbortHandler) // the way to close a connection in net/http
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	body := a.body.Bytes()
	if f.Kind == FaultTruncated {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(a.status)
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // a client that has disconnected needs no response
}

// reset closes the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
