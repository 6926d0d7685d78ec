package connect_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/secret"
	"github.com/secretsync/secretsync/internal/witness"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/secretsync/secretsync/secretsynctest"
)

// verified are secrets in an emulator, whose values are their names.
type verified struct {
	*testing.T
	server    *secretsynctest.Server
	account   reconcile.Account
	key       secret.Key
	store     planner.StoreID
	ids       map[string]planner.SecretID
	questions []witness.Question
}

func newVerified(t *testing.T, n int, options ...secretsynctest.Option) *verified {
	t.Helper()
	v := &verified{T: t, key: secret.NewKey(), ids: map[string]planner.SecretID{}}
	v.server = secretsynctest.Start(t, append(options, secretsynctest.WithQuota(1000))...)
	var err error
	if v.account, err = v.server.API().Account(secretsynctest.Account, ""); err != nil {
		t.Fatal(err)
	}
	if v.store, err = v.account.CreateStore(t.Context(), "store"); err != nil {
		t.Fatal(err)
	}
	var created []applier.NewSecret
	for i := range n {
		name := fmt.Sprintf("secret-%d", i)
		created = append(created, applier.NewSecret{Name: name, Value: secret.New([]byte(name)), Scopes: []string{planner.ScopeWorkers}})
		s := secret.Subject{AccountID: string(secretsynctest.Account), Store: "store", Secret: name}
		v.questions = append(v.questions, witness.Question{
			StoreID: string(v.store), SecretName: name, Subject: s,
			Fingerprints: []secret.Fingerprint{v.key.Fingerprint(s, secret.New([]byte(name)))},
		})
	}
	for part := range slices.Chunk(created, 100) {
		live, err := v.account.CreateSecrets(t.Context(), v.store, part, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range live {
			v.ids[s.Name] = s.ID
		}
	}
	v.server.ResetRequests()
	return v
}

func (v *verified) patch(name string, p applier.Patch) {
	v.Helper()
	if _, err := v.account.UpdateSecret(v.Context(), v.store, v.ids[name], p); err != nil {
		v.Fatal(err)
	}
}

func (v *verified) ask() ([]witness.Answer, error) {
	return witness.Ask(v.Context(), v.account.(reconcile.Previewer), v.key, v.questions, witness.Options{})
}

// fails asks, and wants the verification to fail in a step.
func (v *verified) fails(step witness.Step, want string) {
	v.Helper()
	answers, err := v.ask()
	failed, ok := errors.AsType[*witness.StepError](err)
	if !ok || failed.Step != step || !strings.Contains(err.Error(), want) || answers != nil {
		v.Errorf("%v, %v; want step %s and %q", answers, err, step, want)
	}
}

// 250 values are verified in 7 groups, and those that a Worker cannot read are found.
func TestVerify(t *testing.T) {
	v := newVerified(t, 250, secretsynctest.WithValues())
	v.patch("secret-41", applier.Patch{Value: secret.New([]byte("changed"))})
	v.patch("secret-42", applier.Patch{Comment: new(string)})
	v.server.ResetRequests()
	want := slices.Repeat([]witness.Answer{{Result: witness.Match}}, 250)
	want[41] = witness.Answer{Result: witness.Mismatch}
	check := func(requests int) {
		t.Helper()
		answers, err := v.ask()
		if err != nil {
			t.Fatal(err)
		}
		for i := range want {
			if answers[i] != want[i] {
				t.Errorf("secret %d: %+v, want %+v", i, answers[i], want[i])
			}
		}
		if n := len(v.server.Requests()); n != requests {
			t.Errorf("%d requests, want %d", n, requests)
		}
		v.server.ResetRequests()
	}
	check(1 + 7*4) // the subdomain; and the session, its exchange, the upload and the question of each group
	check(7 * 4)

	for _, name := range []string{"secret-0", "secret-1"} {
		if err := v.account.DeleteSecret(t.Context(), v.store, v.ids[name]); err != nil {
			t.Fatal(err)
		}
	}
	want[0] = witness.Answer{Result: witness.Unreadable, Reason: witness.ReasonNotFound}
	want[1] = want[0]
	v.server.ResetRequests()
	check(7*4 + 2*3) // the session, its exchange and the refused upload, for each

	v.patch("secret-249", applier.Patch{Scopes: []string{"ai_gateway"}})
	want[249] = witness.Answer{Result: witness.Unreadable, Reason: witness.ReasonNotBound}
	v.questions, want = v.questions[240:], want[240:]
	v.server.ResetRequests()
	check(4*4 + 5*3) // 10 secrets, halved until one is left
}

// The values of an emulator that keeps none cannot be read.
func TestVerifyWithoutValues(t *testing.T) {
	answers, err := newVerified(t, 1).ask()
	if want := (witness.Answer{Result: witness.Unreadable, Reason: witness.ReasonRejected}); err != nil || answers[0] != want {
		t.Errorf("%v, %v", answers, err)
	}
}

// A token that lacks a permission makes the verification fail, and the message names it.
func TestVerifyPermissions(t *testing.T) {
	v := newVerified(t, 2, secretsynctest.WithPermissions("Secrets Store Write"))
	v.fails(witness.StepSubdomain, `"Workers Scripts Edit"`)
	v = newVerified(t, 2, secretsynctest.WithPermissions("Secrets Store Write", "Workers Scripts Read"))
	v.fails(witness.StepToken, `"Workers Scripts Edit"`)
}

// Each step can fail, and is named.
func TestVerifyFaults(t *testing.T) {
	v := newVerified(t, 2, secretsynctest.WithValues())
	for _, tt := range []struct {
		rule string
		step witness.Step
	}{
		{"GET /workers/subdomain 404", witness.StepSubdomain},
		{"GET /subdomain/edge-preview 404", witness.StepToken},
		{"POST /edge-preview 404", witness.StepUpload},
		{"POST /__preview/*/ empty", witness.StepAnswer},
		{"POST /__preview/*/ malformed", witness.StepAnswer},
	} {
		if err := v.server.SetFaults(tt.rule); err != nil {
			t.Fatal(err)
		}
		v.account, _ = v.server.API().Account(secretsynctest.Account, "") // which has not read the subdomain yet
		v.fails(tt.step, "")
	}
}
