package cloudflare

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"github.com/cloudflare/cloudflare-go/v4/option"
	"github.com/secretsync/secretsync/applier"
)

// request is one request, however many attempts it takes.
//
// The SDK builds it: a method of this package calls the SDK's method for the endpoint with
// the request's options, which make the request itself the HTTP client of that call. Do
// keeps what the SDK would send; [Client.do] sends it, as often as its policy says.
// The package comment lists why the SDK neither sends requests nor sees answers.
type request struct {
	op   string   // what it is for, as an error begins: "listing stores"
	body *payload // nil for none
	// permission is what the API token needs; empty for the permissions to read and write secrets.
	permission string
	readOnly   bool // it changes nothing, whatever its method
	// beforeSend is called before a request that had to wait is sent; nil for never.
	beforeSend applier.BeforeSend

	built *http.Request // nil if the SDK could not build it
	err   error         // what the SDK's method returned: why it was not built, or errKept

	// read decodes the result of a successful answer, and returns false if it is not what the
	// request asked for. It is nil for a request without a result.
	read func(*envelope) bool
}

var _ option.HTTPClient = (*request)(nil)

// errKept is what the SDK gets instead of an answer.
var errKept = errors.New("the request is sent without the SDK")

// options returns the options for the SDK's method: the request's own, and then opts.
func (r *request) options(opts ...option.RequestOption) []option.RequestOption {
	own := []option.RequestOption{option.WithHTTPClient(r)}
	if r.body != nil { // instead of the SDK's (body.go)
		own = append(own, option.WithRequestBody("application/json", r.body.reader()))
	}
	return slices.Concat(own, opts)
}

// Do implements [option.HTTPClient]. It sends nothing.
func (r *request) Do(built *http.Request) (*http.Response, error) {
	r.built = built
	return nil, errKept
}

// writes reports whether the request changes anything.
func (r *request) writes() bool { return r.built.Method != http.MethodGet && !r.readOnly }

// attempt is a copy of the request, to be sent once.
func (r *request) attempt(ctx context.Context) *http.Request {
	req := r.built.Clone(ctx)
	if r.body != nil {
		req.Body, req.ContentLength = r.body.reader(), int64(r.body.size)
		// Lets net/http resend the body if a stale connection took none of it.
		req.GetBody = func() (io.ReadCloser, error) { return r.body.reader(), nil }
	}
	return req
}

// send sends a request, and returns what read decodes from the answer.
func send[T any](ctx context.Context, c *Client, r *request, read func(*envelope) (T, bool)) (T, error) {
	var result, none T
	r.read = func(env *envelope) (ok bool) {
		result, ok = read(env)
		return ok
	}
	if err := c.do(ctx, r); err != nil {
		return none, err
	}
	return result, nil
}
