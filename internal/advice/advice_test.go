package advice

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/bindings"
	"github.com/secretsync/secretsync/internal/shell"
	"github.com/secretsync/secretsync/internal/sopsfile"
	"github.com/secretsync/secretsync/internal/syntax"
	"github.com/secretsync/secretsync/lockfile"
	"github.com/secretsync/secretsync/manifest"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
)

// adviser marks each command, and whether it has the flags of the running one.
var adviser = Adviser{
	Line:  func(words ...string) string { return "<same " + strings.Join(words, " ") + ">" },
	Other: func(words ...string) string { return "<other " + strings.Join(words, " ") + ">" },
}

func TestFor(t *testing.T) {
	stale := func(proven planner.Reason) error {
		changed := planfile.Pair{Reviewed: planner.Action{Reasons: []planner.Reason{proven}}}
		return &reconcile.StaleError{Difference: &planfile.Difference{Changed: []planfile.Pair{changed}}}
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"an error that says all", errors.New("x"), ""},
		{"no manifest", fmt.Errorf("x: %w", manifest.ErrNone), "run secretsync init"},
		{"a lockfile in use", &lockfile.HeldError{}, "or wait longer with --lock-timeout"},
		{"a replaced lockfile, its records saved", &lockfile.ReplacedError{Saved: "x"}, "run <same lock merge>"},
		{"records that wait", &lockfile.UnmergedError{}, "run <same lock merge>"},
		{"a lease in use", &reconcile.LeaseHeldError{}, "<other lock status> shows who holds it"},
		{"an older lockfile", &reconcile.OlderLockfileError{}, "<other lock break --forget-applied>"},
		{"key types", sopsfile.TypesNotAllowed("kms"), "--sops-key-types kms"},
		{"a stale plan", stale(planner.ReasonValue), "run <same plan> again"},
		{"a stale plan that knew more", stale(planner.ReasonProven), "apply it with --verify"},
		{"a lockfile that is not lost", fmt.Errorf("x %w", reconcile.ErrHasRecords), "import --lock-only rebuilds a lost lockfile"},
		{"no plan", fmt.Errorf("x %w", planfile.ErrNotPlan), "create one with plan -o"},
		{"a plan in UTF-16", fmt.Errorf("x %w", planfile.ErrEncoding), "which writes UTF-8"},
		{"a sealed key for others", &syntax.Error{Kind: sopsfile.ErrSealed}, "<same lock rekey> seals it"},
		{"no .sops.yaml", &syntax.Error{Kind: sopsfile.ErrNoRules}, "secretsync init"},
		{"a binding that can be corrected", &syntax.Error{Kind: bindings.ErrCorrectable}, "<same bindings check --fix> inserts it"},
		{"several stores", &syntax.Error{Kind: bindings.ErrSeveralStores}, "<other lock status> lists them"},
		{"several accounts", bindings.ErrSeveralAccounts, "--target ACCOUNT/STORE/SECRET"},
		{"bindings that differ", fmt.Errorf("x %w", bindings.ErrDiffer), "--env"},
		{"an emulator's lockfile", &reconcile.OtherAPIError{Lockfile: "a b.lock", Emulator: true}, "mv 'a b.lock' 'a b.emulator.lock'"},
		{"Cloudflare's lockfile", &reconcile.OtherAPIError{Lockfile: "x.lock"}, "--lockfile x.emulator.lock"},
	} {
		if got := adviser.For(c.err); !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q has no %q", c.name, got, c.want)
		}
	}
}

func TestMissingManifest(t *testing.T) {
	dir := t.TempDir()
	if got, want := MissingManifest(dir+"/x.yaml"), "secretsync init --file "+shell.File(dir+"/x.yaml")+" creates it"; !strings.HasPrefix(got, want) {
		t.Errorf("%q does not begin with %q", got, want)
	}
}
