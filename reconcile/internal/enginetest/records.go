package enginetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/records"
)

// Start is the time at which the tests' clocks start.
var Start = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// Key is the fingerprint key in the environment of the tests.
var Key = ParseKey("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")

// ParseKey parses a fingerprint key, and panics if that fails.
func ParseKey(text string) secret.Key {
	k, err := secret.ParseKey(text)
	if err != nil {
		panic(err)
	}
	return k
}

// Prod is a store of DefaultAccount.
var Prod = planner.StoreKey{Account: DefaultAccount, Name: "prod"}

// Digest is a digest that describes itself as n.
func Digest(n int) string { return fmt.Sprintf("sha256:%064d", n) }

// Applied is a record of the value "old", applied some time before the test starts.
func Applied(name string, ago time.Duration) lockfile.Secret {
	return lockfile.Secret{
		ID: lockfile.SecretID("id-" + name), Source: "env OLD", Ciphertext: Digest(1), Scopes: []string{"workers"}, Comment: "c1",
		Modified: "m1", Applied: Start.Add(-ago), Fingerprint: Key.Fingerprint(records.Subject(Prod.Secret(name)), secret.New([]byte("old"))),
	}
}

// Records describes a lockfile: its key, and each secret in a line. For a value, it shows which
// of the candidates matches the fingerprint.
func Records(f *lockfile.File, candidates ...string) []string {
	var all []string
	for k, st := range f.All() {
		store := fmt.Sprintf("%s %s", k.Name, st.ID)
		if st.Delete {
			store += " delete"
		}
		all = append(all, store)
		for name, sec := range st.All() {
			all = append(all, describe(name, sec, valueOf(records.PlanKey(k).Secret(name), sec, candidates)))
		}
	}
	return all
}

// valueOf returns the candidate that matches a fingerprint; "?" if none does.
func valueOf(k planner.SecretKey, sec *lockfile.Secret, candidates []string) string {
	for _, v := range candidates {
		if Key.Matches(sec.Fingerprint, records.Subject(k), secret.New([]byte(v))) {
			return v
		}
	}
	if sec.Fingerprint != "" {
		return "?"
	}
	return ""
}

func describe(name string, sec *lockfile.Secret, value string) string {
	var b strings.Builder
	add := func(label string, x any) {
		if s := fmt.Sprint(x); s != "" && s != "[]" {
			b.WriteString(" " + label + s)
		}
	}
	clock := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Sub(Start).String()
	}
	b.WriteString(name)
	add("", sec.ID)
	add("from=", strings.ReplaceAll(sec.Source, " ", "_"))
	add("value=", value)
	add("digest=", strings.TrimLeft(strings.TrimPrefix(sec.Ciphertext, "sha256:"), "0"))
	add("scopes=", strings.Join(sec.Scopes, ","))
	add("comment=", sec.Comment)
	add("modified=", string(sec.Modified))
	add("status=", sec.Status)
	add("applied=", clock(sec.Applied))
	if sec.Delete {
		add("", "delete")
	}
	if p := sec.Pending; p != nil {
		add("pending=", p.Op)
		add("since=", clock(p.Since))
		add("until=", clock(p.Until))
		add("listed=", clock(p.ListedAt))
		add("previous=", p.PreviousID)
		if p.Value {
			add("", "+value")
		}
	}
	return b.String()
}

// Pending is a record whose write was interrupted.
func Pending(sec lockfile.Secret, p lockfile.Pending) lockfile.Secret {
	sec.Pending = &p
	return sec
}
