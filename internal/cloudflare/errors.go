package cloudflare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/cloudflare/pace"
)

// Error is why a request failed. It has no text of Cloudflare's, which may quote a request
// and so a value. It matches the sentinel errors of package applier with errors.Is.
type Error struct {
	// Op is what was being done: "listing secrets".
	Op     string
	Method string
	// Status is the HTTP status of the last answer, 0 if there was none.
	Status int
	// Codes are Cloudflare's error codes. Several errors share a code: Known is more exact.
	Codes []int
	// Known is Cloudflare's name for the error, such as secret_not_found, if this package
	// knows it.
	Known string
	// Ray is the request's id at Cloudflare.
	Ray string
	// Attempts is how often the request was sent.
	Attempts int

	what string // the reason, in words
	// taken reports whether secret_name_already_exists is about that name. It is a
	// function so that no formatting can print Cloudflare's text.
	taken func(name string) bool
	// messages are Cloudflare's texts, in a function for the same reason.
	messages func() []string

	permission string // see request

	is      error // applier's sentinel for it, or nil
	unknown bool  // a write that may have taken effect
	cause   error // what interrupted the request, or nil
}

// Error says what was being done, why it failed and what may help.
func (e *Error) Error() string {
	text := e.Op + ": " + e.what
	if facts := e.facts(); len(facts) > 0 {
		text += " (" + strings.Join(facts, ", ") + ")"
	}
	if e.unknown {
		text += "; whether it took effect is unknown"
	}
	return text
}

func (e *Error) facts() []string {
	var facts []string
	if e.Status != 0 {
		facts = append(facts, fmt.Sprintf("HTTP %d", e.Status))
	}
	for _, code := range e.Codes {
		facts = append(facts, fmt.Sprintf("code %d", code))
	}
	if e.Ray != "" {
		facts = append(facts, "CF-Ray "+e.Ray)
	}
	if e.Attempts > 1 {
		facts = append(facts, fmt.Sprintf("%d attempts", e.Attempts))
	}
	return facts
}

// Is implements errors.Is for the sentinels of package applier.
func (e *Error) Is(target error) bool {
	return target == applier.ErrOutcomeUnknown && e.unknown || target == e.is && e.is != nil
}

// NameTaken reports whether Cloudflare said that a secret of this name exists already.
func (e *Error) NameTaken(name string) bool { return e.taken != nil && e.taken(name) }

// Unwrap returns the error that interrupted the request, or nil.
func (e *Error) Unwrap() error { return e.cause }

// interrupted completes e for a request that was ended by its context, by beforeSend or because it
// must not be sent any more.
func (e *Error) interrupted(cause error) *Error {
	e.cause, e.what = cause, "interrupted"
	if not, ok := errors.AsType[forbidden](cause); ok {
		e.cause, e.what = not.error, "not sent: "+not.Error()
	} else if !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		e.what = "not sent, because sending it could not be recorded"
	}
	return e
}

// note replaces what e says about the last answer. worked reports whether the token was
// accepted before.
func (e *Error) note(a *answer, worked bool) {
	e.Attempts++
	e.Status, e.Ray, e.Codes, e.Known, e.taken, e.messages = a.status, a.ray(), nil, "", nil, nil
	if a.refuses() {
		e.messages = a.messages
		for _, err := range a.env.Errors {
			e.Codes = append(e.Codes, err.Code)
			if e.Known == "" {
				e.Known = identify(err.Message)
				e.taken = func(name string) bool {
					rest, found := strings.CutPrefix(err.Message, "secret_name_already_exists")
					return found && strings.Trim(rest, ` :"'`+"`.") == name
				}
			}
		}
	}
	e.what, e.is = e.explain(a, worked)
	if d := a.retryAfter().Round(time.Second); d > pace.MaxPeriod {
		e.what += fmt.Sprintf(": it asks to wait %s, and secretsync waits %s at most; try again after that", d, pace.MaxPeriod)
	}
}

// identify returns the known name that a message begins with. Codes don't tell
// errors apart, and a message may go on after its name (docs/cloudflare-api.md §6).
func identify(message string) string {
	name := message
	if i := strings.IndexFunc(message, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }); i >= 0 {
		name = message[:i]
	}
	if _, ok := knownErrors[name]; !ok {
		return ""
	}
	return name
}

// meaning is an error's reason in words, and applier's sentinel for it.
type meaning struct {
	what string
	is   error
}

// knownErrors is the table of docs/cloudflare-api.md §6.
var knownErrors = map[string]meaning{
	"secret_not_found":           {"the secret does not exist", applier.ErrNotFound},
	"store_not_found":            {"the store does not exist", applier.ErrNotFound},
	"secret_name_already_exists": {"a secret of that name exists already in the store", applier.ErrNameTaken},
	"secret_name_empty":          {"a secret's name is empty", applier.ErrInvalid},
	"invalid_secret_name":        {"a secret's name is refused: letters, digits, - and _ are allowed", applier.ErrInvalid},
	"secret_scopes_empty":        {"a secret has no scopes: it needs at least one", applier.ErrInvalid},
	"secret_scope_invalid":       {"one of a secret's scopes is not known to Cloudflare", applier.ErrInvalid},
	"secret_value_too_long":      {"a secret's value is too long: the limit is 65,536 bytes", applier.ErrInvalid},
	"invalid_json_body":          {"Cloudflare doesn't understand the request's body", applier.ErrInvalid},
	"maximum_secrets_exceeded":   {"the account has no room for more secrets: its quota counts secrets created by any tool; delete some first", applier.ErrQuota},
	"maximum_stores_exceeded":    {"the account has no room for another store: an account has one; list its stores and use the name of that one", applier.ErrQuota},
	"store_not_empty":            {"the store still holds secrets: delete them first", nil},
}

// Cloudflare's general codes (docs/cloudflare-api.md §6).
const (
	codeThrottled = 971   // a rate limit, often in an HTTP 200
	codeInternal  = 10001 // "internal error" and "Unable to authenticate request", under load
)

const (
	whatThrottled = "Cloudflare's rate limit is used up"
	whatWithheld  = "Cloudflare rejected the request for a reason that is not shown because it may quote a value"
	whatRefused   = "Cloudflare rejected the request for an unknown reason"
)

var knownCodes = map[int]string{
	codeThrottled: whatThrottled,
	codeInternal:  "Cloudflare could not authenticate the request or had an internal error: it is busy, or the API token is wrong",
	7000:          "there is no such route: check the API base URL",
	7003:          "Cloudflare doesn't know the account: check its id",
}

// explain returns the reason in our own words, and applier's sentinel for it.
func (e *Error) explain(a *answer, worked bool) (string, error) {
	if m, ok := knownErrors[e.Known]; ok {
		return m.what, m.is
	}
	if a.denies() {
		return e.denied(a, worked), nil
	}
	for _, code := range e.Codes {
		if what, ok := knownCodes[code]; ok {
			return what, nil
		}
	}
	switch {
	case a.status < 300 && a.failure != "":
		return a.failure, nil
	case a.status < 300 && !a.refuses():
		return "the answer is incomplete, or not from the API", nil
	}
	what, is := explainStatus(a)
	if what == whatWithheld && e.Method == http.MethodGet { // its request had no value to quote
		what = whatRefused
	}
	return what, is
}

func explainStatus(a *answer) (string, error) {
	switch a.status {
	case http.StatusProxyAuthRequired:
		return whatProxyLogin, nil
	case http.StatusTooManyRequests:
		return whatThrottled, nil
	case http.StatusRequestEntityTooLarge:
		return "the request is too large", applier.ErrTooLarge
	}
	switch {
	case a.status >= 300 && a.status < 400:
		return "the server answered with a redirect, which is not followed: check the API base URL", nil
	case a.env == nil:
		return "a gateway answered instead of the API: if this persists, check the API base URL", nil
	case a.status >= 500 || a.status == http.StatusRequestTimeout:
		return "Cloudflare had an internal error", nil
	case a.status == http.StatusNotFound:
		return whatWithheld, applier.ErrNotFound
	case a.status == http.StatusConflict: // only a name can be in conflict (docs/cloudflare-api.md §6)
		return whatWithheld, applier.ErrNameTaken
	case a.status == http.StatusBadRequest || a.status == http.StatusUnprocessableEntity:
		return whatWithheld, applier.ErrInvalid
	}
	return whatWithheld, nil
}
