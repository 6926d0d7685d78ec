package lockstatus

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/internal/hint"
	"github.com/secretsync/secretsync/reconcile"
)

// TestBreaking: only leases that a run holds are broken, and only the newest version is forgotten. What
// an object store says is escaped.
func TestBreaking(t *testing.T) {
	older, newer := &reconcile.AppliedLockfile{Generation: 7, Host: "b"}, &reconcile.AppliedLockfile{Generation: 9, Host: "a"}
	held := func(address string, d time.Duration) reconcile.Lease {
		return reconcile.Lease{Address: address, Held: true, Holder: reconcile.LeaseHolder{Host: "ci\x1b[2J\nfake", Duration: d}}
	}
	leases := []reconcile.Lease{
		held("s3://b/one", 30*time.Second), {Address: "s3://b/free", Applied: newer}, held("s3://b/two", time.Minute), {Applied: older},
	}
	for _, c := range []struct {
		name      string
		leases    []reconcile.Lease
		forget    bool
		question  string
		says, not []string
		err, todo string
	}{
		{
			"held", leases, false, "Break the lease?",
			[]string{"s3://b/one\n  held by ci", "\ns3://b/two\n", "it notices within 40s, "}, []string{"free", "forgotten", "\x1b", "\nfake"}, "", "",
		},
		{
			"held and forgotten", leases, true, "Break the lease, and forget that version?",
			[]string{"s3://b/one\n", "x.lock\n  generation 9, applied at ", " on a, will be forgotten\n"}, []string{"generation 7"}, "", "",
		},
		{
			"only forgotten", leases[1:2], true, "Forget that version?",
			[]string{"x.lock\n  generation 9"}, []string{"held by", "it notices"}, "", "",
		},
		{"free", leases[1:2], false, "", nil, nil, "there is nothing to break", "add --forget-applied"},
		{"none was applied", leases[:1], true, "", nil, nil, "there is nothing to forget: the leases name no version of x.lock", "run secretsync plan: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := ToBreak(c.leases, c.forget)
			err := b.Check(c.forget, "x.lock", "secretsync plan")
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(hint.Of(err), c.todo) {
					t.Errorf("%v (%s)", err, hint.Of(err))
				}
				return
			}
			var out bytes.Buffer
			if err := b.Print(&out, "x.lock"); err != nil {
				t.Fatal(err)
			}
			if err != nil || b.Question() != c.question {
				t.Errorf("%v, asks %q", err, b.Question())
			}
			for _, want := range c.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in\n%s", want, &out)
				}
			}
			for _, not := range c.not {
				if strings.Contains(out.String(), not) {
					t.Errorf("%q in\n%s", not, &out)
				}
			}
		})
	}
}
