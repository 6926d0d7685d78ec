package witness_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
	"github.com/secretsync/secretsync/internal/witness/witnesstest"
)

var update = flag.Bool("update", false, "write testdata/vectors.json: fingerprints and requests by Go, answers by the witness under Node.js")

const vectorsFile = "testdata/vectors.json"

// vectors are what Go and JavaScript agree on (docs/formats.md). Go wrote the fingerprints and the
// requests, and the witness the answers.
type vectors struct {
	FingerprintKey string             `json:"fingerprint_key"`
	SessionKey     string             `json:"session_key"`
	Fingerprints   []fingerprintCase  `json:"fingerprints"`
	Conversations  []conversationCase `json:"conversations"`
}

type fingerprintCase struct {
	Name        string             `json:"name"`
	Subject     [3]string          `json:"subject"`
	Value       string             `json:"value"`
	Repeat      int                `json:"repeat,omitempty"` // the value is repeated so often; once if zero
	Fingerprint secret.Fingerprint `json:"fingerprint"`
	Matches     bool               `json:"matches"`
}

func (c fingerprintCase) live() string { return strings.Repeat(c.Value, max(1, c.Repeat)) }

type conversationCase struct {
	Name     string                `json:"name"`
	Secrets  map[string]secretCase `json:"secrets"`
	Messages []message             `json:"messages"`
}

type secretCase struct {
	Value string `json:"value"`
	Error string `json:"error,omitempty"` // of get()
}

type message struct {
	Now     int64  `json:"now"`
	Method  string `json:"method,omitempty"` // POST if empty
	Request string `json:"request"`
	Status  int    `json:"status"`
	Answer  string `json:"answer"`
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	text, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func parseKey(t *testing.T, text string) secret.Key {
	t.Helper()
	k, err := secret.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func subject(s [3]string) secret.Subject {
	return secret.Subject{AccountID: s[0], Store: s[1], Secret: s[2]}
}

func TestVectorsOfFingerprints(t *testing.T) {
	v := readVectors(t)
	key := parseKey(t, v.FingerprintKey)
	for _, c := range v.Fingerprints {
		if got := key.Matches(c.Fingerprint, subject(c.Subject), secret.New([]byte(c.live()))); got != c.Matches {
			t.Errorf("%s: matches %v, want %v", c.Name, got, c.Matches)
		}
	}
}

// The double answers exactly as the witness did.
func TestVectorsOfConversations(t *testing.T) {
	v := readVectors(t)
	for _, c := range v.Conversations {
		var now int64
		w := &witnesstest.Worker{
			Texts:   map[string]string{witness.KeyBinding: v.FingerprintKey, witness.SessionBinding: v.SessionKey},
			Secrets: map[string]func() (string, error){},
			Now:     func() time.Time { return time.UnixMilli(now) },
		}
		for name, s := range c.Secrets {
			w.Secrets[name] = func() (string, error) {
				switch {
				case strings.Contains(s.Error, "not found"):
					return "", witnesstest.ErrNotFound
				case s.Error != "":
					return "", errors.New(s.Error)
				}
				return s.Value, nil
			}
		}
		for i, m := range c.Messages {
			now = m.Now
			method := "POST"
			if m.Method != "" {
				method = m.Method
			}
			status, answer := w.Post(method, []byte(m.Request))
			if status != m.Status || string(answer) != m.Answer {
				t.Errorf("%s, message %d: HTTP %d, %q\nwant HTTP %d, %q", c.Name, i+1, status, answer, m.Status, m.Answer)
			}
		}
	}
}

// TestUnderNode runs the tests of the witness itself, which hold it to the same vectors.
func TestUnderNode(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), node(t), "--test", "testdata/witness_test.mjs").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// node returns the path of a Node.js that runs these tests: 20 or later.
func node(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("NOT TESTED: the witness itself, because Node.js is not installed")
	}
	version, err := exec.CommandContext(t.Context(), path, "--version").Output()
	var major int
	if _, scanned := fmt.Sscanf(string(version), "v%d.", &major); err != nil || scanned != nil || major < 20 {
		t.Skipf("NOT TESTED: the witness itself, because Node.js is %s", strings.TrimSpace(string(version)))
	}
	return path
}

// TestUpdateVectors writes the vectors again, with -update.
func TestUpdateVectors(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	write := func(v any) {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(vectorsFile, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(newVectors(t))
	answered, err := exec.CommandContext(t.Context(), node(t), "testdata/answer.mjs").Output()
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(answered, &v); err != nil {
		t.Fatal(err)
	}
	write(v)
}

func newVectors(t *testing.T) vectors {
	t.Helper()
	fingerprintKey, sessionKey := secret.NewKey(), secret.NewKey()
	return vectors{
		FingerprintKey: string(fingerprintKey.Export().Reveal()), SessionKey: string(sessionKey.Export().Reveal()),
		Fingerprints:  newFingerprints(fingerprintKey),
		Conversations: newConversations(t, fingerprintKey, sessionKey),
	}
}

var vectorSubject = [3]string{"0123456789abcdef0123456789abcdef", "default_secrets_store", "api-key"}

// newFingerprints are of values that a careless encoding would change or confuse.
func newFingerprints(key secret.Key) []fingerprintCase {
	var all []fingerprintCase
	add := func(name, value string, repeat int, s [3]string) {
		c := fingerprintCase{Name: name, Subject: s, Value: value, Repeat: repeat, Matches: true}
		c.Fingerprint = key.Fingerprint(subject(s), secret.New([]byte(c.live())))
		all = append(all, c)
	}
	for name, value := range map[string]string{
		"plain": "value", "empty": "", "line end": "value\n", "CRLF and tab": "a\r\n\tb", "NUL": "a\x00b", "byte order mark": "\uFEFFvalue",
		"two bytes": "Zürich", "astral": "a😀b", "combining": "e\u0301", "composed": "é", "non-characters": "\uFFFF\uFDD0", "replacement": "\uFFFD",
		"white space": "  value  ", "quotes": `"va'lue\"`, "line separator": "a\u2028b", "JSON": `{"a":["b"]}`,
	} {
		add(name, value, 0, vectorSubject)
	}
	add("64 KiB", "x", 65536, vectorSubject)
	add("longer than 64 KiB", "ü", 40000, vectorSubject)
	add("empty subject", "value", 0, [3]string{})
	add("subject in UTF-8", "value", 0, [3]string{"ä", "é😀", "\x00"})

	good := key.Fingerprint(subject(vectorSubject), secret.New([]byte("value")))
	other := secret.NewKey().Fingerprint(subject(vectorSubject), secret.New([]byte("value")))
	parts := strings.Split(string(good), ".")
	no := func(name, value string, f secret.Fingerprint, s [3]string) {
		all = append(all, fingerprintCase{Name: name, Subject: s, Value: value, Fingerprint: f})
	}
	no("another value", "Value", good, vectorSubject)
	no("another secret", "value", good, [3]string{vectorSubject[0], vectorSubject[1], "api-key2"})
	no("another store", "value", good, [3]string{vectorSubject[0], "other", "api-key"})
	no("another account", "value", good, [3]string{"", vectorSubject[1], "api-key"})
	no("fields shifted", "value", good, [3]string{vectorSubject[0] + vectorSubject[1], "", "api-key"})
	no("fields shifted into the value", "keyvalue", good, [3]string{vectorSubject[0], vectorSubject[1], "api-"})
	no("another key", "value", other, vectorSubject)
	no("no fingerprint", "value", "", vectorSubject)
	for name, text := range map[string]string{
		"another version": "v2." + parts[1] + "." + parts[2], "no MAC": "v1." + parts[1] + ".", "no salt": "v1.." + parts[2],
		"a part more": string(good) + ".", "padding": string(good) + "=", "space": " " + string(good), "not base64": "v1." + parts[1] + "." + strings.Repeat("!", 43),
		"MAC cut short": string(good[:len(good)-1]), "MAC and salt exchanged": "v1." + parts[2] + "." + parts[1],
	} {
		no("malformed: "+name, "value", secret.Fingerprint(text), vectorSubject)
	}
	return sortedByName(all)
}
