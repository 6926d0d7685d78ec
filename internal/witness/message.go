package witness

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"

	"github.com/secretsync/secretsync/internal/secret"
)

// The domains of the messages' MACs. They differ, so that a request cannot be returned as an
// answer.
const (
	requestDomain = "secretsync/witness/request/v1"
	answerDomain  = "secretsync/witness/answer/v1"
)

// encoding is the encoding of MACs and nonces.
var encoding = base64.RawURLEncoding

// request is what the witness is asked, as JSON.
type request struct {
	Nonce     string     `json:"nonce"`
	Until     int64      `json:"until"` // when the request expires, in milliseconds since 1970
	Questions []question `json:"questions"`
}

type question struct {
	Binding      string               `json:"binding"`
	Subject      [3]string            `json:"subject"` // account id, store name, secret name
	Fingerprints []secret.Fingerprint `json:"fingerprints"`
}

// encoded is the question about the i-th secret of a group.
func (q Question) encoded(i int) question {
	return question{
		Binding: bindingName(i), Subject: [3]string{q.Subject.AccountID, q.Subject.Store, q.Subject.Secret},
		Fingerprints: append([]secret.Fingerprint{}, q.Fingerprints...), // an array also if there are none
	}
}

// encode returns the request as it is sent: a MAC under the session key, a line feed, and JSON.
func (r request) encode(session secret.Key) ([]byte, error) {
	content, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return authenticated(session.MAC(requestDomain, content), content), nil
}

func authenticated(mac, content []byte) []byte {
	return append(append(encoding.AppendEncode(nil, mac), '\n'), content...)
}

// row is the answer to one question, as the witness writes it.
type row struct {
	Binding string `json:"binding"`
	Result  string `json:"result"`
	Which   *int   `json:"which"`
	Reason  string `json:"reason"`
}

var results = map[string]Result{"match": Match, "mismatch": Mismatch, "unreadable": Unreadable}

var reasons = map[string]Reason{
	"not_found": ReasonNotFound, "not_bound": ReasonNotBound, "rejected": ReasonRejected, "timeout": ReasonTimeout,
	"not_text": ReasonNotText,
}

// The reasons to refuse an answer. None quotes it.
var (
	errNotAuthentic = errors.New("the answer is not the witness's, or not to this request: it is not authenticated under the session key")
	errMalformed    = errors.New("the answer is authentic, but not what this version of secretsync expects")
	errRows         = errors.New("the answer does not have each question's result exactly once")
)

// decodeAnswer returns the answers in the order of the request's questions.
func (r request) decodeAnswer(session secret.Key, body []byte) ([]Answer, error) {
	mac, content, found := bytes.Cut(body, []byte("\n"))
	want := encoding.AppendEncode(nil, session.MAC(answerDomain, []byte(r.Nonce), content))
	if !found || !hmac.Equal(mac, want) {
		return nil, errNotAuthentic
	}
	var decoded struct {
		Answers []row `json:"answers"`
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if d.Decode(&decoded) != nil {
		return nil, errMalformed
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errMalformed
	}
	if len(decoded.Answers) != len(r.Questions) {
		return nil, errRows
	}
	rows := make(map[string]row, len(decoded.Answers))
	for _, row := range decoded.Answers {
		rows[row.Binding] = row
	}
	answers := make([]Answer, len(r.Questions))
	for i, q := range r.Questions {
		row, found := rows[q.Binding]
		if !found { // even if another one is there twice: their number is right
			return nil, errRows
		}
		a, ok := row.answer(len(q.Fingerprints))
		if !ok {
			return nil, errMalformed
		}
		answers[i] = a
	}
	return answers, nil
}

// answer converts a row. n is how many fingerprints were compared.
func (r row) answer(n int) (Answer, bool) {
	a := Answer{Result: results[r.Result], Reason: reasons[r.Reason]}
	if r.Which != nil {
		a.Which = *r.Which
	}
	switch a.Result {
	case Match:
		return a, r.Reason == "" && r.Which != nil && a.Which >= 0 && a.Which < n
	case Mismatch:
		return a, r.Reason == "" && r.Which == nil
	case Unreadable:
		return a, a.Reason != 0 && r.Which == nil
	}
	return a, false
}
