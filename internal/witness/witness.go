// Package witness proves whether the live value of a secret matches a fingerprint, without reading
// the value.
//
// No API returns a value, but a Worker that is bound to a secret can compute with it. The
// witness (witness.js) is such a Worker. It runs as a preview: it is not deployed and has no
// route. It gets the fingerprint key and a random session key as bindings, computes the
// fingerprint of each live value, and answers match, mismatch or unreadable. Requests and
// answers are authenticated under the session key (docs/verify.md, docs/formats.md).
//
// Call [Ask].
package witness

import (
	"context"
	"fmt"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
)

// Question asks whether the live value of a secret matches one of the fingerprints.
type Question struct {
	StoreID      string
	SecretName   string
	Subject      secret.Subject
	Fingerprints []secret.Fingerprint
}

// Answer is the answer to one question.
type Answer struct {
	Result Result
	// Which is the index of the first fingerprint that the live value has, if Result is Match.
	Which int
	// Reason is why the value could not be read, if Result is Unreadable.
	Reason Reason
}

// Result is what the witness found.
type Result int

// The results. The zero Result is not a result.
const (
	Match      Result = iota + 1 // the live value has one of the fingerprints
	Mismatch                     // it has none of them
	Unreadable                   // a Worker cannot read the value
)

// Reason is why a value is unreadable.
type Reason int

// The reasons. The zero Reason means that there is none.
const (
	// ReasonNotFound means that the secret does not exist, according to Cloudflare or the binding.
	ReasonNotFound Reason = iota + 1
	// ReasonNotBound means that Cloudflare refused to bind the secret, or did not bind it, for
	// another reason, such as a missing scope "workers".
	ReasonNotBound
	// ReasonRejected means that the binding's get() failed.
	ReasonRejected
	// ReasonTimeout means that the binding's get() did not end in time.
	ReasonTimeout
	// ReasonNotText means that the binding's get() did not return a string.
	ReasonNotText
)

// Options are optional.
type Options struct {
	// Group is the maximum number of secrets that one preview is bound to; [DefaultGroup] if
	// zero.
	Group int
	// Now is the current time by Cloudflare's clock; time.Now if nil.
	Now func() time.Time
	// Answered is called with the number of questions that were answered so far. It may be nil.
	// Calls do not overlap.
	Answered func(int)
}

// DefaultGroup is the number of secrets of one preview. Cloudflare's free plan allows 50
// subrequests for each request, and 64 variables of a Worker (docs/cloudflare-api.md §15).
const DefaultGroup = 40

// Step is a step of a verification.
type Step string

// The steps, in their order.
const (
	StepSubdomain Step = "subdomain" // read the account's workers.dev subdomain
	StepToken     Step = "token"     // get a token for the upload
	StepExchange  Step = "exchange"  // exchange it, where Cloudflare asks for that
	StepUpload    Step = "upload"    // upload the witness with its bindings
	StepRun       Step = "run"       // ask it
	StepAnswer    Step = "answer"    // check its answer
)

// StepError is why a verification failed. It never holds text of the preview or of Cloudflare.
type StepError struct {
	Step Step
	Err  error
}

func (e *StepError) Error() string {
	return fmt.Sprintf("verification failed in the step %q: %v", e.Step, e.Err)
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// BindingError is the error of an upload that Cloudflare refused because of bindings to
// secrets. [Ask] leaves those out and tries again.
type BindingError struct {
	// Bindings are the names of the bindings that Cloudflare named; empty if it named none.
	Bindings []string
	// NotFound reports that the secrets do not exist.
	NotFound bool
	Err      error
}

func (e *BindingError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *BindingError) Unwrap() error { return e.Err }

// Previewer runs Workers of one account without deploying them.
type Previewer interface {
	// Preview uploads a Worker. The preview ends by itself. Errors are [*StepError]; a refused
	// binding is a [*BindingError] in one of them.
	Preview(context.Context, Upload) (Preview, error)
}

// Preview is a Worker that was uploaded to be run.
type Preview interface {
	// Post sends a POST request with this body to the Worker, and returns the HTTP status and
	// the body of its answer, of which it reads at most limit bytes. It follows no redirect and
	// does not retry.
	Post(ctx context.Context, body []byte, limit int64) (status int, answer []byte, err error)
}

// Upload is a Worker that consists of one module.
type Upload struct {
	// Name is the Worker's name: letters, digits and dashes.
	Name string
	// Module is the ECMAScript module, and File its file name.
	File   string
	Module []byte
	// CompatibilityDate is the date of the runtime's behaviour, as 2006-01-02.
	CompatibilityDate string
	// Secrets are bindings to secrets in a store.
	Secrets []SecretBinding
	// Texts are bindings to values that only this Worker gets (type secret_text).
	Texts []TextBinding
}

// SecretBinding binds a Worker to a secret in a store.
type SecretBinding struct {
	Binding, StoreID, SecretName string
}

// TextBinding gives a Worker a value.
type TextBinding struct {
	Binding string
	Text    secret.Value
}
