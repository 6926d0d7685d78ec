package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// apiError is an entry of the envelope's errors. Codes only identify families of errors, so
// clients rely on the message (docs/cloudflare-api.md §6).
type apiError struct {
	status  int
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e apiError) Error() string { return fmt.Sprintf("%s [code: %d]", e.Message, e.Code) }

// with returns e with another message.
func (e apiError) with(format string, args ...any) error {
	e.Message = fmt.Sprintf(format, args...)
	return e
}

// The errors of docs/cloudflare-api.md §6. Where it gives no HTTP status, the status is 404
// for something that does not exist, else 400. Where it gives no code, the code is 1001 for
// an invalid request and 1003 for one that the account's state forbids.
var (
	errNotFound        = apiError{http.StatusNotFound, 1000, "not found"}
	errInvalidBody     = apiError{http.StatusBadRequest, 1001, "invalid_json_body"}
	errNameEmpty       = apiError{http.StatusBadRequest, 1001, "secret_name_empty"}
	errNameInvalid     = apiError{http.StatusBadRequest, 1001, "invalid_secret_name"}
	errScopesEmpty     = apiError{http.StatusBadRequest, 1001, "secret_scopes_empty"}
	errScopeInvalid    = apiError{http.StatusBadRequest, 1001, "secret_scope_invalid"}
	errValueTooLong    = apiError{http.StatusBadRequest, 1001, "secret_value_too_long"}
	errSecretNotFound  = apiError{http.StatusNotFound, 1001, "secret_not_found"}
	errStoreNotFound   = apiError{http.StatusNotFound, 1001, "store_not_found"}
	errNameTaken       = apiError{http.StatusBadRequest, 1003, "secret_name_already_exists"}
	errTooManyStores   = apiError{http.StatusBadRequest, 1003, "maximum_stores_exceeded"}
	errTooManySecrets  = apiError{http.StatusBadRequest, 1003, "maximum_secrets_exceeded"}
	errStoreNotEmpty   = apiError{http.StatusConflict, 1003, "store_not_empty"}
	errStoreNameTaken  = apiError{http.StatusBadRequest, 1003, "store_name_already_exists"} // a guess: an account can have only one store
	errCouldNotRoute   = apiError{http.StatusNotFound, 7003, "Could not route"}
	errNoRoute         = apiError{http.StatusNotFound, 7000, "No route for that URI"}
	errUnauthenticated = apiError{http.StatusUnauthorized, 10001, "Unable to authenticate request"}
	errUnknownToken    = apiError{http.StatusUnauthorized, 10000, "Authentication error"}
	errForbidden       = apiError{http.StatusForbidden, 10000, "Authentication error"}
	errTooManyRequests = apiError{http.StatusTooManyRequests, 971, "Please wait and consider throttling your request speed"}
	errThrottled       = apiError{http.StatusOK, 971, "Please wait and consider throttling your request speed"}
	errInternal        = apiError{http.StatusInternalServerError, 10001, "internal error"}
	errUnavailable     = apiError{http.StatusServiceUnavailable, 10001, "internal error"}
)

// The errors of deploying and previewing Workers (docs/cloudflare-api.md §6, §15). Guesses are the
// status of errBindingForbidden, the statuses and messages of the next three, and errInvalidUpload.
var (
	errBindingNotFound  = apiError{http.StatusBadRequest, 10182, "Secrets Store binding not found"}
	errBindingForbidden = apiError{
		http.StatusForbidden, 10021, "Secrets store binding authorization failed. Check your permissions and secret scopes",
	}
	errNoSubdomain   = apiError{http.StatusNotFound, 10007, "This account does not have a workers.dev subdomain"}
	errNoPreviews    = apiError{http.StatusBadRequest, 10063, "You need a workers.dev subdomain in order to proceed"}
	errSessionEnded  = apiError{http.StatusBadRequest, 10049, "The preview session has expired"}
	errInvalidUpload = apiError{http.StatusBadRequest, 10021, "Uncaught SyntaxError: the upload has no metadata"}
)

// Errors that only the emulator returns.
var (
	errBodyTooLarge = apiError{http.StatusRequestEntityTooLarge, 1001, "request_body_too_large"}
	errState        = apiError{http.StatusInternalServerError, 10001, "the emulator cannot keep its state"}
	errClosed       = apiError{http.StatusServiceUnavailable, 10001, "the emulator is closed"}
)

// envelope is the form of every response (docs/cloudflare-api.md §6).
type envelope struct {
	Success    bool       `json:"success"`
	Errors     []apiError `json:"errors"`
	Messages   []message  `json:"messages"`
	Result     any        `json:"result"`
	ResultInfo any        `json:"result_info,omitempty"`
}

func writeEnvelope(w http.ResponseWriter, result any, err error) {
	e, status := envelope{Success: err == nil, Errors: []apiError{}, Messages: []message{}}, http.StatusOK
	switch result := result.(type) {
	case listing:
		e.Result, e.ResultInfo = result.items, result.info
	case tokenView:
		e.Result = result
		if result.Status == "active" {
			e.Messages = []message{{Code: 10000, Message: "This API Token is valid and active"}}
		}
	default:
		e.Result = result
	}
	if err != nil {
		failure := errInternal
		_ = errors.As(err, &failure)
		e.Errors, e.Result, status = append(e.Errors, failure), nil, failure.status
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(e) // encoding plain data into a buffer cannot fail
}

// answer is a response that has not been sent yet.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements [http.ResponseWriter].
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }

// replace replaces the response, except for its rate limit headers.
func (a *answer) replace(err error) {
	a.body.Reset()
	writeEnvelope(a, nil, err)
}

// stamp formats a time as the API does. Stamps sort in the order of their times.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }
