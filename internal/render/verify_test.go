package render_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
)

// verification has every result, in two stores.
func verification() *reconcile.Verification {
	dev := planner.StoreKey{Account: store.Account, Name: "dev"}
	return &reconcile.Verification{Secrets: []reconcile.VerifiedSecret{
		{Key: dev.Secret("fine"), Value: planner.LiveSame, Counts: true},
		{Key: dev.Secret("no-scope"), Value: planner.LiveUnreadable, Reason: reconcile.UnverifiedScope, Counts: true},
		{Key: store.Secret("accepted"), Value: planner.LiveOther},
		{Key: store.Secret("set"), Value: planner.LiveOther, Counts: true},
		{Key: store.Secret("just-sent"), Value: planner.LiveOther, Counts: true, Recent: true, Interrupted: true},
		{Key: store.Secret("just-changed"), Reason: reconcile.UnverifiedUnsettled, Counts: true},
	}}
}

func TestVerification(t *testing.T) {
	var out bytes.Buffer
	if err := render.Verification(&out, verification(), render.Style{}); err != nil {
		t.Fatal(err)
	}
	want := `dev  account 0123456789abcdef0123456789abcdef
  ? no-scope      unreadable: it lacks the scope workers
prod  account 0123456789abcdef0123456789abcdef
  ! set           mismatch: value known not to be the one that was last applied
  ! just-sent     mismatch: value known not to be the one that was last applied; it was sent less than a minute ago, and Workers may not have it yet; the last apply was interrupted, outcome unknown
  ? accepted      mismatch: value known not to be the one that was last applied; it was accepted or adopted as it is, so this does not count
  ? just-changed  not known: another client changed it less than a minute ago, and Workers may still read the value before that

Verified 6 values: 1 match, 2 known not to match, 1 known not to match, as accepted, 1 unreadable, 1 not known.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	matching := &reconcile.Verification{Secrets: verification().Secrets[:1]}
	if err := render.Verification(&out, matching, render.Style{}); err != nil || out.String() != "Verified 1 value: 1 match.\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}

// TestVerificationFormats: every format counts the same, and says that a verification is incomplete.
func TestVerificationFormats(t *testing.T) {
	v := verification()
	v.Failed = errors.New("down")
	formats := map[string]string{}
	for name, write := range map[string]func(b *bytes.Buffer) error{
		"json":     func(b *bytes.Buffer) error { return render.VerificationJSON(b, v, render.NewOrigin("abc", "")) },
		"markdown": func(b *bytes.Buffer) error { return render.VerificationMarkdown(b, v, render.Origin{}) },
		"github":   func(b *bytes.Buffer) error { return render.VerificationGitHub(b, v) },
		"gitlab":   func(b *bytes.Buffer) error { return render.VerificationCodeQuality(b, v, "secretsync.yaml") },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		formats[name] = b.String()
	}
	var report struct {
		Checked, Match, Mismatch, Accepted, Unreadable, Unknown int
		Complete                                                bool
		Details                                                 []struct {
			Store, Secret, Result, Reason string
			Counts                        bool
		}
	}
	if err := json.Unmarshal([]byte(formats["json"]), &report); err != nil {
		t.Fatal(err)
	}
	if report.Checked != 6 || report.Match != 1 || report.Mismatch != 2 || report.Accepted != 1 || report.Unreadable != 1 || report.Unknown != 1 || report.Complete {
		t.Errorf("%+v", report)
	}
	if d := report.Details[1]; d.Secret != "no-scope" || d.Result != "unreadable" || d.Reason != "no_scope" || d.Counts {
		t.Errorf("%+v", d)
	}
	if d := report.Details[3]; d.Secret != "set" || d.Result != "mismatch" || !d.Counts {
		t.Errorf("%+v", d)
	}
	for name, wants := range map[string][]string{
		"markdown": {
			"<!-- secretsync-verify -->\n", "### secretsync: Incomplete: not all accounts could be verified. Verified 6 values: 1 match",
			"\n! set  mismatch: ", "This does not count as a mismatch:", "\n! no-scope  unreadable: it lacks the scope workers\n",
		},
		"github": {"::warning title=secretsync::prod/set: mismatch: ", "::notice title=secretsync::Incomplete: ", "::group::secretsync verify\n"},
		"gitlab": {`"check_name": "secretsync/verify-mismatch"`, `"severity": "major"`, `"check_name": "secretsync/verify-unreadable"`, `"severity": "info"`},
	} {
		for _, want := range wants {
			if !strings.Contains(formats[name], want) {
				t.Errorf("%s: no %q in\n%s", name, want, formats[name])
			}
		}
	}
	if n := strings.Count(formats["github"], "::warning "); n != 2 {
		t.Errorf("%d annotations", n)
	}
}

func TestVerificationOfForeignNames(t *testing.T) {
	s := planner.StoreKey{Account: "a", Name: hostile}
	v := &reconcile.Verification{Secrets: []reconcile.VerifiedSecret{{Key: s.Secret(hostile), Value: planner.LiveOther, Counts: true}}}
	var b bytes.Buffer
	for _, err := range []error{
		render.Verification(&b, v, render.Style{}), render.VerificationJSON(&b, v, render.Origin{}),
		render.VerificationMarkdown(&b, v, render.Origin{}), render.VerificationGitHub(&b, v), render.VerificationCodeQuality(&b, v, hostile),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []reconcile.Event{
		reconcile.VerificationFailed{Account: hostile, Err: errors.New(hostile)},
		reconcile.ValuesUnverified{Reason: reconcile.UnverifiedScope, Secrets: []planner.SecretKey{s.Secret(hostile)}},
	} {
		b.WriteString(strings.Join(render.Event(e, render.Setting{}), "\n"))
	}
	for _, bad := range []string{"\x1b", "\u202e", "\n::error", "##["} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the output holds %q:\n%q", bad, b.String())
		}
	}
}
