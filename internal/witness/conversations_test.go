package witness_test

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
)

func sortedByName(all []fingerprintCase) []fingerprintCase {
	slices.SortFunc(all, func(a, b fingerprintCase) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

const vectorNow = 1795800000000

// newConversations are what the witness is asked, without its answers.
func newConversations(t *testing.T, key, session secret.Key) []conversationCase {
	t.Helper()
	secrets := map[string]secretCase{
		"SECRETSYNC_0": {Value: "value"}, "SECRETSYNC_1": {Value: "changed"}, "SECRETSYNC_2": {Error: `Secret "api-key" not found`},
		"SECRETSYNC_3": {Error: "internal error"}, "SECRETSYNC_5": {Value: "second"}, "SECRETSYNC_6": {Value: ""}, "SECRETSYNC_7": {Value: "value"},
	}
	of := func(value string) secret.Fingerprint {
		return key.Fingerprint(subject(vectorSubject), secret.New([]byte(value)))
	}
	var questions []witness.Question
	for _, fingerprints := range [][]secret.Fingerprint{
		{of("value")}, {of("value")}, {of("value")}, {of("value")}, {of("value")}, {of("first"), "malformed", of("second"), of("second")}, {of("")}, {},
	} {
		questions = append(questions, witness.Question{Subject: subject(vectorSubject), Fingerprints: fingerprints})
	}
	encode := func(nonce string, until int64, session secret.Key, questions ...witness.Question) string {
		text, err := witness.EncodeRequest(nonce, until, questions, session)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	valid := func(nonce string) string { return encode(nonce, vectorNow+120_000, session, questions...) }
	one := func(request string) []message { return []message{{Now: vectorNow, Request: request}} }
	mac, content, _ := strings.Cut(valid("AAAAAAAAAAAAAAAAAAAAAA"), "\n")
	return []conversationCase{
		{Name: "every result", Secrets: secrets, Messages: one(valid("nonce-of-22-characters"))},
		{Name: "no questions", Secrets: secrets, Messages: one(encode("n", vectorNow+1, session))},
		{Name: "replayed", Secrets: secrets, Messages: []message{
			{Now: vectorNow, Request: valid("once")}, {Now: vectorNow + 1, Request: valid("once")}, {Now: vectorNow + 2, Request: valid("twice")},
		}},
		{Name: "expires", Secrets: secrets, Messages: []message{
			{Now: vectorNow + 120_001, Request: valid("a")}, {Now: vectorNow + 120_000, Request: valid("b")},
			{Now: vectorNow - 180_001, Request: valid("c")}, {Now: vectorNow - 180_000, Request: valid("d")},
		}},
		{Name: "another session key", Secrets: secrets, Messages: one(encode("n", vectorNow+1, secret.NewKey(), questions...))},
		{Name: "fingerprint key instead of the session key", Secrets: secrets, Messages: one(encode("n", vectorNow+1, key, questions...))},
		{Name: "no MAC", Secrets: secrets, Messages: one(content)},
		{Name: "MAC without content", Secrets: secrets, Messages: one(mac)},
		{Name: "content changed", Secrets: secrets, Messages: one(mac + "\n" + strings.Replace(content, "AAAA", "BBBB", 1))},
		{Name: "GET", Secrets: secrets, Messages: []message{{Now: vectorNow, Method: "GET", Request: valid("n")}}},
		{Name: "empty", Secrets: secrets, Messages: one("")},
	}
}
