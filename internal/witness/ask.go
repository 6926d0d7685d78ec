package witness

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/secretsync/secretsync/internal/pause"
	"github.com/secretsync/secretsync/internal/secret"
	"golang.org/x/sync/errgroup"
)

// previewsAtOnce is the maximum number of previews under way at once.
const previewsAtOnce = 4

// How often a preview is asked, and the first pause; each pause is twice the one before. A new
// preview may take a moment until it is reachable.
const (
	tries      = 5
	firstPause = 500 * time.Millisecond
)

// lifetime is how long the witness accepts a request. It covers the difference between the clocks,
// and is less than the maximum of the witness.
const lifetime = 2 * time.Minute

// Ask asks all questions about the secrets of one account. The answers are in the order of the
// questions. An error means that verification failed: it is a [*StepError], and has no answers.
//
// A secret that Cloudflare does not bind is unreadable: the others are bound without it.
func Ask(ctx context.Context, p Previewer, key secret.Key, questions []Question, opt Options) ([]Answer, error) {
	if !key.IsSet() {
		return nil, &StepError{StepUpload, errors.New("there is no fingerprint key")}
	}
	if opt.Group <= 0 {
		opt.Group = DefaultGroup
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	a := &asker{previewer: p, key: key, now: opt.Now}
	group := make([]asked, len(questions))
	answers := make([]Answer, len(questions))
	for i, q := range questions {
		group[i] = asked{q, &answers[i]}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(previewsAtOnce)
	for part := range slices.Chunk(group, opt.Group) {
		g.Go(func() error {
			err := a.ask(gctx, part)
			if err == nil {
				a.count(len(part), opt.Answered)
			}
			return err
		})
	}
	err := g.Wait()
	if err == nil && !a.bound.Load() {
		err = a.alone
	}
	if err != nil {
		return nil, err
	}
	return answers, nil
}

// asked is a question, and where its answer goes.
type asked struct {
	Question
	answer *Answer
}

// asker asks the questions of all groups. Cloudflare may refuse to bind secrets without naming
// them, because of a secret's scopes or because of the API token. It is because of a secret only
// if others were bound.
type asker struct {
	previewer Previewer
	key       secret.Key
	now       func() time.Time

	bound   atomic.Bool  // an upload was accepted
	refused atomic.Int32 // uploads that were refused without naming a secret

	mu       sync.Mutex
	alone    error // the refusal of an upload with a single secret
	answered int   // how many questions
}

// count counts answers.
func (a *asker) count(n int, report func(int)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answered += n; report != nil {
		report(a.answered)
	}
}

// maxRefused is after how many refusals Ask gives up if no upload was accepted.
const maxRefused = 12

// ask asks the questions of one group. If Cloudflare refuses to bind a secret, it refuses the whole
// upload: ask then uploads again without what Cloudflare named, or, if it named none, in halves.
func (a *asker) ask(ctx context.Context, group []asked) error {
	for len(group) > 0 {
		if err := ctx.Err(); err != nil {
			return inStep(StepUpload, err)
		}
		session := secret.NewKey()
		preview, err := a.upload(ctx, group, session)
		if err == nil {
			a.bound.Store(true)
			return a.run(ctx, preview, group, session)
		}
		refused, ok := errors.AsType[*BindingError](err)
		if !ok {
			return inStep(StepUpload, err)
		}
		if left := refused.leaveOut(group); len(left) < len(group) {
			group = left
			continue
		}
		if a.refused.Add(1) > maxRefused && !a.bound.Load() {
			return inStep(StepUpload, err)
		}
		half := len(group) / 2
		if half == 0 {
			refused.answer(group[0])
			a.mu.Lock()
			a.alone = inStep(StepUpload, err)
			a.mu.Unlock()
			return nil
		}
		if err := a.ask(ctx, group[:half]); err != nil {
			return err
		}
		group = group[half:]
	}
	return nil
}

// leaveOut answers the questions about the secrets that Cloudflare named, and returns the others.
func (e *BindingError) leaveOut(group []asked) []asked {
	var left []asked
	for i, q := range group {
		if slices.Contains(e.Bindings, bindingName(i)) {
			e.answer(q)
		} else {
			left = append(left, q)
		}
	}
	return left
}

func (e *BindingError) answer(q asked) {
	*q.answer = Answer{Result: Unreadable, Reason: ReasonNotBound}
	if e.NotFound {
		q.answer.Reason = ReasonNotFound
	}
}

// bindingName names the binding of the i-th secret of a group.
func bindingName(i int) string { return secretBindings + strconv.Itoa(i) }

// upload uploads the witness, bound to the secrets of a group and to the two keys.
func (a *asker) upload(ctx context.Context, group []asked, session secret.Key) (Preview, error) {
	name := make([]byte, 8)
	rand.Read(name) // never fails
	fingerprintKey, sessionKey := a.key.Export(), session.Export()
	defer fingerprintKey.Wipe()
	defer sessionKey.Wipe()
	u := Upload{
		Name: "secretsync-verify-" + hex.EncodeToString(name), File: "witness.js", Module: Module(),
		CompatibilityDate: compatibilityDate,
		Texts:             []TextBinding{{KeyBinding, fingerprintKey}, {SessionBinding, sessionKey}},
	}
	for i, q := range group {
		u.Secrets = append(u.Secrets, SecretBinding{bindingName(i), q.StoreID, q.SecretName})
	}
	return a.previewer.Preview(ctx, u)
}

// run asks an uploaded witness. Each try is another request, because the witness answers none
// twice.
func (a *asker) run(ctx context.Context, preview Preview, group []asked, session secret.Key) error {
	for try := 1; ; try++ {
		r := a.request(group)
		body, err := r.encode(session)
		if err != nil {
			return &StepError{StepRun, errors.New("the request could not be encoded")}
		}
		limit := answerLimit(len(group))
		status, body, err := preview.Post(ctx, body, limit+1)
		if err == nil && status == http.StatusOK {
			return r.take(body, limit, session, group)
		}
		if try == tries || status/100 == 3 || ctx.Err() != nil {
			return inStep(StepRun, runError(status, body, err))
		}
		if err := pause.For(ctx, firstPause<<(try-1)); err != nil {
			return &StepError{StepRun, err}
		}
	}
}

// answerLimit is the maximum size of an answer to n questions.
func answerLimit(n int) int64 { return 256 + 128*int64(n) }

// request returns a new request for a group.
func (a *asker) request(group []asked) request {
	nonce := make([]byte, 16)
	rand.Read(nonce) // never fails
	r := request{Nonce: encoding.EncodeToString(nonce), Until: a.now().Add(lifetime).UnixMilli()}
	for i, q := range group {
		r.Questions = append(r.Questions, q.encoded(i))
	}
	return r
}

// take checks an answer and hands it out.
func (r request) take(body []byte, limit int64, session secret.Key, group []asked) error {
	if int64(len(body)) > limit {
		return &StepError{StepAnswer, fmt.Errorf("the answer is longer than %d bytes", limit)}
	}
	answers, err := r.decodeAnswer(session, body)
	if err != nil {
		return &StepError{StepAnswer, err}
	}
	for i, q := range group {
		*q.answer = answers[i]
	}
	return nil
}

// runError says why a preview did not answer. It quotes no answer.
func runError(status int, body []byte, err error) error {
	switch {
	case err != nil:
		return err
	case status/100 == 3:
		return fmt.Errorf("the preview answered with a redirect (HTTP %d), which is not followed: does Cloudflare Access "+
			"protect the account's workers.dev subdomain?", status)
	case status == http.StatusForbidden && len(body) == 0:
		return errors.New("the witness did not accept the request (HTTP 403): if this persists, check this machine's clock")
	}
	return fmt.Errorf("the preview did not answer as the witness does (HTTP %d): it may have ended, or not have started yet", status)
}

// inStep returns err as it is if it is a [StepError] already, and otherwise as one of this step.
func inStep(step Step, err error) error {
	if _, ok := errors.AsType[*StepError](err); ok {
		return err
	}
	return &StepError{step, err}
}
