package pattern

import (
	"errors"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/reconcile/internal/enginetest"
)

func TestChoose(t *testing.T) {
	prod := planner.StoreKey{Account: "one", Name: "prod"}
	theirs := planner.StoreKey{Account: "two", Name: "prod"}
	dev := planner.StoreKey{Account: "two", Name: "dev"}
	all := []planner.SecretKey{prod.Secret("a"), prod.Secret("beta"), theirs.Secret("a"), dev.Secret("c[1]")}
	for _, tt := range []struct {
		patterns string
		want     []planner.SecretKey
		wrong    string // the text of the error
		matching string
		suggests string
	}{
		{patterns: "beta", want: all[1:2]},
		{patterns: "prod/a", want: []planner.SecretKey{all[0], all[2]}},
		{patterns: "two/prod/*", want: all[2:3]},
		{patterns: "beta one/prod/a", want: all[:2]},
		{patterns: "*/*", want: all},
		{
			patterns: "a", wrong: `"a" matches more than one secret in x.lock: one/prod/a, two/prod/a`, matching: "one/prod/a two/prod/a",
			suggests: `one/prod/a one/prod/beta two/prod/a dev/c\[1]`,
		},
		{patterns: "z", wrong: `no secret in x.lock matches "z"`, suggests: `one/prod/a one/prod/beta two/prod/a dev/c\[1]`},
		{patterns: "one/prod/bets", wrong: `no secret in x.lock matches "one/prod/bets"`, suggests: "one/prod/beta"},
	} {
		got, err := Choose(strings.Fields(tt.patterns), "x.lock", all)
		var bad *Error
		if errors.As(err, &bad) != (tt.wrong != "") || err != nil && err.Error() != tt.wrong {
			t.Errorf("%s: %v, want %s", tt.patterns, err, tt.wrong)
			continue
		}
		enginetest.Equal(t, tt.patterns, got, tt.want)
		if bad != nil {
			enginetest.Equal(t, tt.patterns+" matches", strings.Join(bad.Matching, " "), tt.matching)
			enginetest.Equal(t, tt.patterns+" suggests", strings.Join(bad.Suggestions(), " "), tt.suggests)
		}
	}
	if _, err := Choose([]string{"prod/["}, "x.lock", all); err == nil || !strings.Contains(err.Error(), `"prod/[" is not a glob`) {
		t.Errorf("no glob: %v", err)
	}
}
