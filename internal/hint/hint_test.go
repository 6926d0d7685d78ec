package hint

import (
	"errors"
	"fmt"
	"testing"

	"github.com/secretsync/secretsync/internal/syntax"
)

func TestOfFindsTheOutermostHint(t *testing.T) {
	cause := errors.New("cause")
	inner := With(cause, "inner")
	outer := With(fmt.Errorf("context: %w", inner), "outer")
	if got := Of(outer); got != "outer" {
		t.Errorf("outer hint: got %q", got)
	}
	if got := Of(fmt.Errorf("context: %w", inner)); got != "inner" {
		t.Errorf("wrapped hint: got %q", got)
	}
	if !errors.Is(outer, cause) || outer.Error() != "context: cause" {
		t.Errorf("the hint hides or changes the error: %v", outer)
	}
	if Of(cause) != "" || Of(nil) != "" || With(nil, "text") != nil {
		t.Error("an error without a hint has one, or a hint makes an error of nil")
	}
}

func TestJoin(t *testing.T) {
	list := func(what string) syntax.ErrorList { return syntax.ErrorList{{What: what}} }
	other := errors.New("no list")
	for _, test := range []struct {
		name       string
		errs       []error
		want, hint string
	}{
		{"nothing", []error{nil, nil}, "", ""},
		{"lists in order, first hint", []error{list("a"), With(list("b"), "first"), With(list("c"), "second")}, "a b c", "first"},
		{"an error that is no list is alone", []error{list("a"), other}, "no list", ""},
	} {
		err := Join(test.errs...)
		got := ""
		var all syntax.ErrorList
		switch {
		case errors.As(err, &all):
			for i, e := range all {
				if i > 0 {
					got += " "
				}
				got += e.What
			}
		case err != nil:
			got = err.Error()
		}
		if got != test.want || Of(err) != test.hint {
			t.Errorf("%s: got %q with the hint %q, want %q with %q", test.name, got, Of(err), test.want, test.hint)
		}
	}
}
