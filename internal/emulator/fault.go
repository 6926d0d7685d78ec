package emulator

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// FaultKind is a way in which a request can go wrong.
type FaultKind string

// The kinds of fault. The zero kind is none.
const (
	FaultCut             FaultKind = "cut"       // the connection is closed
	FaultReset           FaultKind = "reset"     // the connection is reset
	FaultStall           FaultKind = "stall"     // nothing comes until the client gives up or the server ends
	FaultInternal        FaultKind = "500"       // an error in the envelope
	FaultBadGateway      FaultKind = "502"       // a page of HTML
	FaultUnavailable     FaultKind = "503"       // an error in the envelope
	FaultTruncated       FaultKind = "truncated" // the answer ends in the middle, and so does the connection
	FaultMalformed       FaultKind = "malformed" // the answer isn't JSON, though it says so
	FaultEmpty           FaultKind = "empty"     // the answer has no body
	FaultTooManyRequests FaultKind = "429"       // the rate limit
	FaultThrottled       FaultKind = "971"       // the rate limit inside a 200 (docs/cloudflare-api.md §6)
	FaultForbidden       FaultKind = "403"       // an authentication error
	FaultNotFound        FaultKind = "404"       // secret_not_found, though it is there
	FaultLag             FaultKind = "lag"       // a read answers from before the latest writes (docs/cloudflare-api.md §3)
)

// Fault is what goes wrong with one request. The zero Fault is nothing.
type Fault struct {
	Kind FaultKind
	// After says that the request is handled first: what it asks for is done, and
	// its client doesn't hear so. [FaultTruncated], [FaultMalformed] and
	// [FaultEmpty], which spoil an answer, imply it.
	After bool
	// RetryAfter is what the header of that name asks for; zero leaves it out.
	RetryAfter time.Duration
	// Lag is how far a [FaultLag] looks back; zero is to before the latest write.
	Lag time.Duration
}

// handles reports whether the request is handled at all.
func (f Fault) handles() bool {
	switch f.Kind {
	case "", FaultTruncated, FaultMalformed, FaultEmpty, FaultLag:
		return true
	}
	return f.After
}

// spoil makes of the right answer the one that is sent.
func (f Fault) spoil(a *answer) {
	if f.RetryAfter > 0 {
		a.header.Set("Retry-After", seconds(f.RetryAfter))
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

// send sends the answer, or does to the connection what the fault says.
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
		panic(http.ErrAbortHandler) // net/http's way to close a connection
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
	_, _ = w.Write(body) // a client that has gone needs no answer
}

// reset closes the connection so that its client sees a reset.
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
