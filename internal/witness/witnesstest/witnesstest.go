// Package witnesstest has a double of the witness, for emulators and tests without a runtime for
// JavaScript. It answers byte for byte as witness.js does: both are held to the same test vectors
// (internal/witness/testdata/vectors.json).
package witnesstest

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
)

// ErrNotFound is the error of a binding to a secret that does not exist.
var ErrNotFound = errors.New("secret not found")

// Worker is an uploaded witness with its bindings. Use one per upload: it answers no request
// twice. It is safe for concurrent use if the functions in Secrets are.
type Worker struct {
	// Texts are the bindings of type secret_text, by name.
	Texts map[string]string
	// Secrets are the bindings of type secrets_store_secret, by name. Each function is the
	// binding's get(). Its error is [ErrNotFound] if the secret does not exist.
	Secrets map[string]func() (string, error)
	// Now is the current time; time.Now if nil.
	Now func() time.Time

	mu       sync.Mutex
	answered map[string]bool // nonces
}

// IsWitness reports whether an uploaded module is the witness. The double can replace nothing else.
func IsWitness(module []byte) bool { return bytes.Equal(module, witness.Module()) }

// maxLifetime and maxRequest are as in witness.js.
const (
	maxLifetime = 5 * time.Minute
	maxRequest  = 1 << 20
)

// Post answers a request with this HTTP method and body. It returns the HTTP status and the body
// of the answer.
func (w *Worker) Post(method string, body []byte) (status int, answer []byte) {
	session, err1 := secret.ParseKey(w.Texts[witness.SessionBinding])
	key, err2 := secret.ParseKey(w.Texts[witness.KeyBinding])
	if method != http.MethodPost || len(body) > maxRequest || err1 != nil || err2 != nil {
		return http.StatusForbidden, nil
	}
	r, ok := w.authenticate(session, body)
	if !ok {
		return http.StatusForbidden, nil
	}
	content := struct {
		Answers []row `json:"answers"`
	}{[]row{}}
	for _, q := range r.Questions {
		content.Answers = append(content.Answers, w.ask(key, q))
	}
	text, err := json.Marshal(content)
	if err != nil {
		return http.StatusForbidden, nil
	}
	mac := session.MAC("secretsync/witness/answer/v1", []byte(r.Nonce), text)
	return http.StatusOK, slices.Concat(base64.RawURLEncoding.AppendEncode(nil, mac), []byte("\n"), text)
}

type request struct {
	Nonce     string
	Until     float64
	Questions []question
}

type question struct {
	Binding      string
	Subject      [3]string
	Fingerprints []secret.Fingerprint
}

type row struct {
	Binding string `json:"binding"`
	Result  string `json:"result"`
	Which   *int   `json:"which,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// authenticate returns a request that was sent under the session key, is still valid, and was not
// answered before.
func (w *Worker) authenticate(session secret.Key, body []byte) (r request, ok bool) {
	text, content, _ := bytes.Cut(body, []byte("\n"))
	mac, err := base64.RawURLEncoding.DecodeString(string(text))
	if err != nil || !hmac.Equal(mac, session.MAC("secretsync/witness/request/v1", content)) || json.Unmarshal(content, &r) != nil {
		return r, false
	}
	now := time.Now
	if w.Now != nil {
		now = w.Now
	}
	left := r.Until - float64(now().UnixMilli())
	w.mu.Lock()
	defer w.mu.Unlock()
	if left < 0 || left > float64(maxLifetime.Milliseconds()) || w.answered[r.Nonce] {
		return r, false
	}
	if w.answered == nil {
		w.answered = map[string]bool{}
	}
	w.answered[r.Nonce] = true
	return r, true
}

// fingerprint is stricter than package secret: witness.js accepts nothing else.
var fingerprint = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^v1\.[\w-]{22}\.[\w-]{43}$`) })

func (w *Worker) ask(key secret.Key, q question) row {
	get := w.Secrets[q.Binding]
	if get == nil {
		return row{Binding: q.Binding, Result: "unreadable", Reason: "not_bound"}
	}
	value, err := get()
	switch {
	case errors.Is(err, ErrNotFound):
		return row{Binding: q.Binding, Result: "unreadable", Reason: "not_found"}
	case err != nil:
		return row{Binding: q.Binding, Result: "unreadable", Reason: "rejected"}
	}
	subject := secret.Subject{AccountID: q.Subject[0], Store: q.Subject[1], Secret: q.Subject[2]}
	which := slices.IndexFunc(q.Fingerprints, func(f secret.Fingerprint) bool {
		return fingerprint().MatchString(string(f)) && key.Matches(f, subject, secret.New([]byte(value)))
	})
	if which < 0 {
		return row{Binding: q.Binding, Result: "mismatch"}
	}
	return row{Binding: q.Binding, Result: "match", Which: &which}
}
