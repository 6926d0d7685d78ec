package position_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/secretsync/secretsync/internal/position"
)

func TestString(t *testing.T) {
	for want, p := range map[string]position.Position{
		"":        {},
		"a.yaml":  {File: "a.yaml", Column: 7},
		"a:12:1":  {File: "a", Line: 12, Column: 1},
		"a b:3:0": {File: "a b", Line: 3},
	} {
		if got := p.String(); got != want {
			t.Errorf("%#v is %q, want %q", p, got, want)
		}
	}
}

func TestCompare(t *testing.T) {
	sorted := []position.Position{
		{}, {File: "a"}, {File: "a", Line: 2, Column: 9}, {File: "a", Line: 10, Column: 1}, {File: "a", Line: 10, Column: 2}, {File: "b", Line: 1, Column: 1},
	}
	for i, p := range sorted {
		for j, q := range sorted {
			want := 0
			switch {
			case i < j:
				want = -1
			case i > j:
				want = 1
			}
			if got := p.Compare(q); got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", p, q, got, want)
			}
		}
	}
	got := []position.Position{sorted[3], sorted[0], sorted[5], sorted[2], sorted[4], sorted[1]}
	slices.SortFunc(got, position.Position.Compare)
	if !slices.Equal(got, sorted) {
		t.Errorf("sorted: %v", got)
	}
}

// TestJSON pins the form that plan files use.
func TestJSON(t *testing.T) {
	type holder struct {
		Position position.Position `json:"position,omitzero"`
	}
	for want, p := range map[string]position.Position{
		`{}`:                        {},
		`{"position":{"file":"a"}}`: {File: "a"},
		`{"position":{"file":"a","line":3,"column":7}}`:   {File: "a", Line: 3, Column: 7},
		`{"position":{"file":"a","line":30,"column":70}}`: {File: "a", Line: 30, Column: 70},
	} {
		got, err := json.Marshal(holder{p})
		if err != nil || string(got) != want {
			t.Errorf("%#v is %s, %v; want %s", p, got, err, want)
		}
		var back holder
		if err := json.Unmarshal(got, &back); err != nil || back.Position != p {
			t.Errorf("%s is read as %#v, %v", got, back.Position, err)
		}
	}
}
