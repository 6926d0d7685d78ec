package witness_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
)

// Go encodes the requests of the test vectors as they are, and understands the witness's answers.
func TestVectorsOfAnswers(t *testing.T) {
	v := readVectors(t)
	session := parseKey(t, v.SessionKey)
	decoded := map[string][]witness.Answer{}
	for _, c := range v.Conversations {
		for i, m := range c.Messages {
			if m.Status != 200 {
				continue
			}
			var r struct {
				Nonce     string
				Until     int64
				Questions []struct {
					Subject      [3]string
					Fingerprints []secret.Fingerprint
				}
			}
			_, content, _ := strings.Cut(m.Request, "\n")
			if err := json.Unmarshal([]byte(content), &r); err != nil {
				t.Fatal(err)
			}
			var questions []witness.Question
			for _, q := range r.Questions {
				questions = append(questions, witness.Question{Subject: subject(q.Subject), Fingerprints: q.Fingerprints})
			}
			if again, err := witness.EncodeRequest(r.Nonce, r.Until, questions, session); err != nil || string(again) != m.Request {
				t.Errorf("%s, message %d: encoded as %s, error %v", c.Name, i+1, again, err)
			}
			answers, err := witness.DecodeAnswer(r.Nonce, questions, session, []byte(m.Answer))
			if err != nil {
				t.Errorf("%s, message %d: %v", c.Name, i+1, err)
			}
			decoded[c.Name] = answers
		}
	}
	want := []witness.Answer{
		{Result: witness.Match}, {Result: witness.Mismatch}, {Result: witness.Unreadable, Reason: witness.ReasonNotFound},
		{Result: witness.Unreadable, Reason: witness.ReasonRejected}, {Result: witness.Unreadable, Reason: witness.ReasonNotBound},
		{Result: witness.Match, Which: 2}, {Result: witness.Match}, {Result: witness.Mismatch},
	}
	if got := decoded["every result"]; !slices.Equal(got, want) {
		t.Errorf("every result: %+v\nwant %+v", got, want)
	}
	if _, found := decoded["no questions"]; !found {
		t.Error("no questions: not answered")
	}
}

// sign authenticates content as the witness does.
func sign(session secret.Key, domain, nonce, content string) string {
	return base64.RawURLEncoding.EncodeToString(session.MAC(domain, []byte(nonce), []byte(content))) + "\n" + content
}

const (
	answerDomain = "secretsync/witness/answer/v1"
	bothMatch    = `{"answers":[{"binding":"SECRETSYNC_0","result":"match","which":0},{"binding":"SECRETSYNC_1","result":"match","which":0}]}`
)

// twoQuestions have one fingerprint and two.
var twoQuestions = []witness.Question{{Fingerprints: make([]secret.Fingerprint, 1)}, {Fingerprints: make([]secret.Fingerprint, 2)}}

// What is not authenticated for this very request is not believed, whatever it says.
func TestForgedAnswers(t *testing.T) {
	session := secret.NewKey()
	good := sign(session, answerDomain, "nonce", bothMatch)
	if _, err := witness.DecodeAnswer("nonce", twoQuestions, session, []byte(good)); err != nil {
		t.Fatal(err)
	}
	mac, content, _ := strings.Cut(good, "\n")
	for name, body := range map[string]string{
		"nothing": "", "a line feed": "\n", "HTML": "<html>\n<body>match</body></html>", "no MAC": content, "empty MAC": "\n" + content,
		"MAC only": mac, "MAC without content": mac + "\n", "MAC cut short": mac[:42] + "\n" + content, "MAC with padding": mac + "=\n" + content,
		"another content":     mac + "\n" + strings.Replace(content, "match", "mismatch", 1),
		"white space":         mac + "\n " + content,
		"CRLF":                mac + "\r\n" + content,
		"another session key": sign(secret.NewKey(), answerDomain, "nonce", bothMatch),
		"another nonce":       sign(session, answerDomain, "nonce2", bothMatch),
		"no nonce":            sign(session, answerDomain, "", bothMatch),
		"a request's domain":  sign(session, "secretsync/witness/request/v1", "nonce", bothMatch),
		"a request":           sign(session, "secretsync/witness/request/v1", bothMatch, "")[:44] + bothMatch,
	} {
		if answers, err := witness.DecodeAnswer("nonce", twoQuestions, session, []byte(body)); err == nil || answers != nil {
			t.Errorf("%s is believed: %+v", name, answers)
		}
	}
}

// An authentic answer that does not answer each question once, or says more than it should, is
// refused too.
func TestMalformedAnswers(t *testing.T) {
	const first = `{"binding":"SECRETSYNC_0","result":"match","which":0}`
	rows := func(rows ...string) string { return `{"answers":[` + strings.Join(rows, ",") + `]}` }
	second := func(rest string) string { return rows(first, `{"binding":"SECRETSYNC_1",`+rest+`}`) }
	session := secret.NewKey()
	for name, content := range map[string]string{
		"nothing": ``, "null": `null`, "no answers": `{}`, "not JSON": `match`, "an array": `[]`, "text after it": bothMatch + `{}`, "cut off": bothMatch[:40],
		"a row is missing": rows(first), "a row twice": rows(first, first), "one more": rows(first, second(`"result":"mismatch"`), first),
		"another binding": rows(first, `{"binding":"SECRETSYNC_2","result":"mismatch"}`), "no binding": rows(first, `{"result":"mismatch"}`),
		"no result": second(`"which":0`), "another result": second(`"result":"maybe"`), "result of another type": second(`"result":1`),
		"match without which": second(`"result":"match"`), "which is negative": second(`"result":"match","which":-1`),
		"which is too high": second(`"result":"match","which":2`), "which is no integer": second(`"result":"match","which":0.5`),
		"match with a reason":    second(`"result":"match","which":0,"reason":"rejected"`),
		"mismatch with which":    second(`"result":"mismatch","which":0`),
		"mismatch with a reason": second(`"result":"mismatch","reason":"rejected"`),
		"unreadable, no reason":  second(`"result":"unreadable"`), "unreadable, another reason": second(`"result":"unreadable","reason":"canary"`),
		"unreadable with which": second(`"result":"unreadable","reason":"rejected","which":0`),
		"a value":               second(`"result":"mismatch","value":"canary"`), "more beside the rows": `{"answers":[` + first + `],"value":"canary"}`,
	} {
		answers, err := witness.DecodeAnswer("nonce", twoQuestions, session, []byte(sign(session, answerDomain, "nonce", content)))
		if err == nil || answers != nil {
			t.Errorf("%s is accepted: %+v", name, answers)
		} else if strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error quotes the answer: %v", name, err)
		}
	}
}

// FuzzAnswer decodes authentic and other answers. Only authentic ones are accepted, and only with one
// complete and consistent answer per question.
func FuzzAnswer(f *testing.F) {
	session := secret.NewKey()
	f.Add([]byte(bothMatch), true)
	f.Add([]byte(`{"answers":[{"binding":"SECRETSYNC_1","result":"unreadable","reason":"timeout"},{"binding":"SECRETSYNC_0","result":"mismatch"}]}`), true)
	f.Add([]byte(sign(session, answerDomain, "", bothMatch)), false)
	f.Fuzz(func(t *testing.T, content []byte, authentic bool) {
		if authentic {
			content = []byte(sign(session, answerDomain, "nonce", string(content)))
		}
		answers, err := witness.DecodeAnswer("nonce", twoQuestions, session, content)
		if err != nil {
			if answers != nil {
				t.Fatalf("an error and %+v", answers)
			}
			return
		}
		if !authentic {
			t.Fatalf("%q is accepted", content)
		}
		if len(answers) != 2 {
			t.Fatalf("%d answers", len(answers))
		}
		for i, a := range answers {
			match := a.Result == witness.Match && a.Reason == 0 && a.Which >= 0 && a.Which < len(twoQuestions[i].Fingerprints)
			other := a.Which == 0 && (a.Result == witness.Mismatch && a.Reason == 0 || a.Result == witness.Unreadable && a.Reason != 0)
			if !match && !other {
				t.Fatalf("answer %+v", a)
			}
		}
	})
}

func TestStepError(t *testing.T) {
	cause := errors.New("cause")
	err := error(&witness.StepError{Step: witness.StepUpload, Err: &witness.BindingError{Err: cause}})
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "upload") || !strings.Contains(err.Error(), "cause") {
		t.Error(err)
	}
}
