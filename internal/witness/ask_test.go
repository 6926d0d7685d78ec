package witness_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
	"github.com/secretsync/secretsync/internal/witness/witnesstest"
)

// edge runs uploaded witnesses, with values of its own. It records uploads and requests.
type edge struct {
	values map[string]string // by the secret's name; others do not exist

	refuse func(witness.Upload) error                            // may refuse an upload
	post   func(n int, body []byte, w post) (int, []byte, error) // instead of the witness, if not nil; n counts from 0

	mu       sync.Mutex
	uploads  []witness.Upload
	texts    map[string]bool
	requests [][]byte
	answers  [][]byte
}

type post func(body []byte) (int, []byte)

func (e *edge) Preview(_ context.Context, u witness.Upload) (witness.Preview, error) {
	w := &witnesstest.Worker{Texts: map[string]string{}, Secrets: map[string]func() (string, error){}}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range u.Texts { // what they hold is wiped later
		w.Texts[b.Binding] = string(b.Text.Reveal())
		if e.texts == nil {
			e.texts = map[string]bool{}
		}
		e.texts[w.Texts[b.Binding]] = true
	}
	e.uploads = append(e.uploads, u)
	if e.refuse != nil {
		if err := e.refuse(u); err != nil {
			return nil, err
		}
	}
	for _, s := range u.Secrets {
		w.Secrets[s.Binding] = func() (string, error) {
			if v, found := e.values[s.SecretName]; found {
				return v, nil
			}
			return "", witnesstest.ErrNotFound
		}
	}
	return &preview{e, w}, nil
}

type preview struct {
	*edge
	w *witnesstest.Worker
}

func (p *preview) Post(_ context.Context, body []byte, limit int64) (int, []byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.requests)
	p.requests = append(p.requests, body)
	answer := func(body []byte) (int, []byte) { return p.w.Post(http.MethodPost, body) }
	status, text, err := 0, []byte(nil), error(nil)
	if p.post != nil {
		status, text, err = p.post(n, body, answer)
	} else {
		status, text = answer(body)
	}
	p.answers = append(p.answers, text)
	return status, text[:min(len(text), int(limit))], err
}

// ask returns n questions about secrets whose value is "value of NAME", and the key.
func ask(n int) (secret.Key, []witness.Question) {
	key := secret.NewKey()
	var questions []witness.Question
	for i := range n {
		name := fmt.Sprintf("secret-%d", i)
		s := secret.Subject{AccountID: "account", Store: "store", Secret: name}
		questions = append(questions, witness.Question{
			StoreID: "store-id", SecretName: name, Subject: s,
			Fingerprints: []secret.Fingerprint{key.Fingerprint(s, secret.New([]byte("value of "+name)))},
		})
	}
	return key, questions
}

func valuesOf(questions []witness.Question) map[string]string {
	values := map[string]string{}
	for _, q := range questions {
		values[q.SecretName] = "value of " + q.SecretName
	}
	return values
}

// 250 secrets are asked about in groups. Each group has a preview, a name and a session key of its
// own.
func TestAskInGroups(t *testing.T) {
	key, questions := ask(250)
	e := &edge{values: valuesOf(questions)}
	e.values["secret-7"] = "changed"
	delete(e.values, "secret-99")
	questions[249].Fingerprints = append([]secret.Fingerprint{key.Fingerprint(questions[249].Subject, secret.New(nil))}, questions[249].Fingerprints...)
	answers, err := witness.Ask(t.Context(), e, key, questions, witness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range answers {
		want := witness.Answer{Result: witness.Match}
		switch i {
		case 7:
			want = witness.Answer{Result: witness.Mismatch}
		case 99:
			want = witness.Answer{Result: witness.Unreadable, Reason: witness.ReasonNotFound}
		case 249:
			want.Which = 1
		}
		if got != want {
			t.Errorf("secret %d: %+v, want %+v", i, got, want)
		}
	}
	if want := 7; len(e.uploads) != want || len(e.requests) != want || len(e.texts) != want+1 { // one fingerprint key, and session keys
		t.Errorf("%d uploads, %d requests, %d keys", len(e.uploads), len(e.requests), len(e.texts))
	}
	names := map[string]bool{}
	for _, u := range e.uploads {
		names[u.Name] = true
		if len(u.Secrets) > witness.DefaultGroup || !witnesstest.IsWitness(u.Module) {
			t.Errorf("an upload with %d secrets", len(u.Secrets))
		}
		for _, b := range u.Texts {
			if strings.Trim(string(b.Text.Reveal()), "\x00") != "" {
				t.Errorf("%s is not wiped", b.Binding)
			}
		}
	}
	if len(names) != len(e.uploads) {
		t.Errorf("%d names", len(names))
	}
}

func TestAskNothing(t *testing.T) {
	key, _ := ask(0)
	e := &edge{}
	if answers, err := witness.Ask(t.Context(), e, key, nil, witness.Options{}); err != nil || len(answers) != 0 || len(e.uploads) != 0 {
		t.Errorf("%v, %v, %d uploads", answers, err, len(e.uploads))
	}
	_, questions := ask(1)
	_, err := witness.Ask(t.Context(), e, secret.Key{}, questions, witness.Options{})
	if failed, ok := errors.AsType[*witness.StepError](err); !ok || failed.Step != witness.StepUpload || len(e.uploads) != 0 {
		t.Errorf("without a key: %v", err)
	}
}

// Secrets that Cloudflare refuses to bind are unreadable. The others are verified, whether
// Cloudflare names the refused ones or not.
func TestRefusedBindings(t *testing.T) {
	missing := []string{"secret-3", "secret-4", "secret-19"}
	for _, tt := range []struct {
		name    string
		named   bool
		uploads int // at most
	}{{"named", true, 4}, {"not named", false, 20}} {
		t.Run(tt.name, func(t *testing.T) {
			key, questions := ask(20)
			e := &edge{values: valuesOf(questions)}
			e.refuse = func(u witness.Upload) error {
				for _, s := range u.Secrets {
					if slices.Contains(missing, s.SecretName) {
						err := &witness.BindingError{NotFound: tt.named, Err: errors.New("refused")}
						if tt.named {
							err.Bindings = []string{s.Binding, "SECRETSYNC_999", "other"}
						}
						return &witness.StepError{Step: witness.StepUpload, Err: err}
					}
				}
				return nil
			}
			answers, err := witness.Ask(t.Context(), e, key, questions, witness.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for i, got := range answers {
				want := witness.Answer{Result: witness.Match}
				if slices.Contains(missing, questions[i].SecretName) {
					want = witness.Answer{Result: witness.Unreadable, Reason: map[bool]witness.Reason{true: witness.ReasonNotFound, false: witness.ReasonNotBound}[tt.named]}
				}
				if got != want {
					t.Errorf("%s: %+v, want %+v", questions[i].SecretName, got, want)
				}
			}
			if len(e.uploads) > tt.uploads {
				t.Errorf("%d uploads, want %d at most", len(e.uploads), tt.uploads)
			}
		})
	}
}

// If no secret at all can be bound, that may be because of the token: verification failed. That
// takes few uploads, however many secrets there are.
func TestNothingBound(t *testing.T) {
	for _, n := range []int{1, 2, 40, 1000} {
		key, questions := ask(n)
		e := &edge{refuse: func(witness.Upload) error { return &witness.BindingError{Err: errors.New("the cause")} }}
		answers, err := witness.Ask(t.Context(), e, key, questions, witness.Options{})
		failed, ok := errors.AsType[*witness.StepError](err)
		if !ok || failed.Step != witness.StepUpload || !strings.Contains(err.Error(), "the cause") || answers != nil {
			t.Errorf("%d secrets: %v, %v", n, answers, err)
		}
		if len(e.uploads) > 20 {
			t.Errorf("%d secrets: %d uploads", n, len(e.uploads))
		}
	}
}

// If Cloudflare says of every secret that it does not exist, each is unreadable.
func TestNoneExists(t *testing.T) {
	key, questions := ask(3)
	e := &edge{refuse: func(u witness.Upload) error {
		return &witness.BindingError{Bindings: []string{u.Secrets[0].Binding}, NotFound: true, Err: errors.New("refused")}
	}}
	answers, err := witness.Ask(t.Context(), e, key, questions, witness.Options{})
	want := witness.Answer{Result: witness.Unreadable, Reason: witness.ReasonNotFound}
	if err != nil || !slices.Equal(answers, []witness.Answer{want, want, want}) || len(e.uploads) != 3 {
		t.Errorf("%v, %v, %d uploads", answers, err, len(e.uploads))
	}
}

// A step that fails is named, and there are no answers.
func TestFailedSteps(t *testing.T) {
	key, questions := ask(90)
	for _, step := range []witness.Step{witness.StepSubdomain, witness.StepToken, witness.StepExchange, witness.StepUpload} {
		e := &edge{values: valuesOf(questions), refuse: func(u witness.Upload) error {
			if u.Secrets[0].SecretName == "secret-40" {
				return &witness.StepError{Step: step, Err: errors.New("the cause")}
			}
			return nil
		}}
		answers, err := witness.Ask(t.Context(), e, key, questions, witness.Options{})
		if failed, ok := errors.AsType[*witness.StepError](err); !ok || failed.Step != step || answers != nil {
			t.Errorf("step %s: %v, %v", step, answers, err)
		}
	}
	e := &edge{refuse: func(witness.Upload) error { return errors.New("the cause") }}
	if _, err := witness.Ask(t.Context(), e, key, questions, witness.Options{}); err == nil || !strings.Contains(err.Error(), `"upload": the cause`) {
		t.Errorf("an error without a step: %v", err)
	}
}

// A preview that does not answer yet is asked again, each time with another nonce.
func TestAskAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, questions := ask(2)
		e := &edge{values: valuesOf(questions)}
		e.post = func(n int, body []byte, w post) (int, []byte, error) {
			switch n {
			case 0:
				return 0, nil, errors.New("the connection failed")
			case 1:
				return http.StatusNotFound, []byte("<html>There is nothing here yet"), nil
			case 2: // the witness answers, but the answer is lost
				w(body)
				return http.StatusBadGateway, nil, nil
			}
			status, answer := w(body)
			return status, answer, nil
		}
		answers, err := witness.Ask(t.Context(), e, key, questions, witness.Options{})
		if err != nil || answers[0].Result != witness.Match || answers[1].Result != witness.Match {
			t.Errorf("%v, %v", answers, err)
		}
		if len(e.requests) != 4 || len(e.uploads) != 1 {
			t.Errorf("%d requests, %d uploads", len(e.requests), len(e.uploads))
		}
	})
}

// A preview that never answers is given up.
func TestNoAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		status   int
		body     string
		err      error
		requests int
		want     string
	}{
		"unreachable":   {0, "", errors.New("the connection failed"), 5, "connection failed"},
		"not found":     {404, "<html>", nil, 5, "HTTP 404"},
		"crashes":       {500, "canary", nil, 5, "HTTP 500"},
		"redirect":      {302, "", nil, 1, "Cloudflare Access"},
		"not accepted":  {403, "", nil, 5, "clock"},
		"no content":    {204, "", nil, 5, "HTTP 204"},
		"firewall page": {403, "<html>", nil, 5, "HTTP 403"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				key, questions := ask(1)
				e := &edge{post: func(int, []byte, post) (int, []byte, error) { return tt.status, []byte(tt.body), tt.err }}
				start := time.Now()
				answers, err := witness.Ask(t.Context(), e, key, questions, witness.Options{})
				failed, ok := errors.AsType[*witness.StepError](err)
				if !ok || failed.Step != witness.StepRun || answers != nil {
					t.Fatalf("%v, %v", answers, err)
				}
				if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
					t.Error(err)
				}
				if len(e.requests) != tt.requests || time.Since(start) > 10*time.Second {
					t.Errorf("%d requests in %s", len(e.requests), time.Since(start))
				}
			})
		})
	}
}

// An answer that is not the witness's to this request fails the verification at once.
func TestHostileAnswers(t *testing.T) {
	var earlier []byte // an answer to another request
	for name, answer := range map[string]func(body []byte, w post) []byte{
		"HTML":        func([]byte, post) []byte { return []byte("<html>") },
		"nothing":     func([]byte, post) []byte { return nil },
		"huge":        func([]byte, post) []byte { return make([]byte, 1<<20) },
		"the request": func(body []byte, _ post) []byte { return body },
		"replayed":    func([]byte, post) []byte { return earlier },
		"result changed": func(body []byte, w post) []byte {
			_, text := w(body)
			return []byte(strings.Replace(string(text), "mismatch", "match\",\"which\":0", 1))
		},
		"longer than it should be": func(body []byte, w post) []byte {
			_, text := w(body)
			return append(text, make([]byte, 1000)...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			key, questions := ask(1)
			e := &edge{values: map[string]string{"secret-0": "changed"}}
			first, err := witness.Ask(t.Context(), e, key, questions, witness.Options{})
			if err != nil || first[0].Result != witness.Mismatch {
				t.Fatal(first, err)
			}
			earlier = e.answers[0]
			e.post = func(_ int, body []byte, w post) (int, []byte, error) { return 200, answer(body, w), nil }
			answers, err := witness.Ask(t.Context(), e, key, questions, witness.Options{})
			failed, ok := errors.AsType[*witness.StepError](err)
			if !ok || failed.Step != witness.StepAnswer || answers != nil {
				t.Errorf("%v, %v", answers, err)
			}
			if len(e.requests) != 2 {
				t.Errorf("%d requests", len(e.requests))
			}
		})
	}
}

// The longest possible answer does not exceed the read limit.
func TestAnswerLimit(t *testing.T) {
	key, questions := ask(40)
	for i := range questions {
		for range 30 {
			questions[i].Fingerprints = append([]secret.Fingerprint{"v1"}, questions[i].Fingerprints...)
		}
	}
	for _, e := range []*edge{{values: valuesOf(questions)}, {}} {
		if _, err := witness.Ask(t.Context(), e, key, questions, witness.Options{}); err != nil {
			t.Error(err)
		}
	}
}

// The request expires by the clock it is given, not by this machine's.
func TestClock(t *testing.T) {
	key, questions := ask(1)
	now := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	e := &edge{post: func(_ int, body []byte, _ post) (int, []byte, error) {
		_, content, _ := strings.Cut(string(body), "\n")
		var r struct{ Until int64 }
		if err := json.Unmarshal([]byte(content), &r); err != nil || r.Until <= now.UnixMilli() || r.Until > now.Add(5*time.Minute).UnixMilli() {
			t.Errorf("until %d, error %v", r.Until, err)
		}
		return 302, nil, nil
	}}
	_, _ = witness.Ask(t.Context(), e, key, questions, witness.Options{Now: func() time.Time { return now }})
	if len(e.requests) != 1 {
		t.Errorf("%d requests", len(e.requests))
	}
}

// Neither key and no value is in a request or an answer.
func TestMessagesHoldNoKey(t *testing.T) {
	key, questions := ask(3)
	e := &edge{values: valuesOf(questions)}
	if _, err := witness.Ask(t.Context(), e, key, questions, witness.Options{}); err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for text := range e.texts {
		raw, _ := base64.StdEncoding.DecodeString(text)
		secrets = append(secrets, text, strings.TrimRight(text, "="), base64.RawURLEncoding.EncodeToString(raw), string(raw))
	}
	for _, v := range e.values {
		secrets = append(secrets, v, base64.StdEncoding.EncodeToString([]byte(v)))
	}
	for _, text := range slices.Concat(e.requests, e.answers) {
		for _, s := range secrets {
			if strings.Contains(string(text), s) {
				t.Errorf("%q is in %q", s, text)
			}
		}
	}
}

func TestAskCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	key, questions := ask(1)
	e := &edge{post: func(int, []byte, post) (int, []byte, error) {
		cancel()
		return 0, nil, context.Canceled
	}}
	if _, err := witness.Ask(ctx, e, key, questions, witness.Options{}); !errors.Is(err, context.Canceled) || len(e.requests) != 1 {
		t.Errorf("%v after %d requests", err, len(e.requests))
	}
}
