package planner_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/secretsync/secretsync/planner"
)

var update = flag.Bool("update", false, "rewrite the golden table")

// TestEveryCell decides every combination of the three versions of one secret, and compares
// the decisions with testdata/cells.txt, which reads as a table: desired (value, metadata,
// delete policy), recorded (policy, pending), live.
func TestEveryCell(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "%-32s %-20s %-9s %s\n", "desired", "recorded", "live", "decision")
	for _, d := range desiredCells() {
		for _, r := range recordedCells() {
			for _, l := range liveCells() {
				if d.secret == nil && r.secret == nil && l.secret == nil || !d.fits(r.secret) {
					continue
				}
				fmt.Fprintf(&table, "%-32s %-20s %-9s %s\n", d.name, r.name, l.name,
					describe(planner.Build(input(d.secret, r.secret, l.secret))))
			}
		}
	}
	golden(t, "cells.txt", table.String())
}

// golden compares a table with a file in testdata.
func golden(t *testing.T, name, table string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), table); diff != "" {
		t.Error(diff)
	}
}

type cell[T any] struct {
	name   string
	secret *T
}

type desiredCell struct {
	cell[planner.DesiredSecret]
	value planner.ValueState
}

// fits excludes a value that is compared although there is no record, and a value that is not
// compared although there is one.
func (c desiredCell) fits(r *planner.RecordedSecret) bool {
	return c.secret == nil || (c.value == planner.ValueNew) == (r == nil)
}

func desiredCells() []desiredCell {
	cells := []desiredCell{{cell: cell[planner.DesiredSecret]{name: "-"}}}
	values := []struct {
		name  string
		state planner.ValueState
	}{{"new", planner.ValueNew}, {"same", planner.ValueSame}, {"changed", planner.ValueChanged}, {"re-encrypted", planner.ValueReencrypted}, {"edited", planner.ValueEdited}, {"unknown", planner.ValueUnknown}}
	for _, v := range values[:3] {
		s := desired()
		s.Value, s.Generated = v.state, true
		cells = append(cells, desiredCell{cell[planner.DesiredSecret]{"generated " + v.name, s}, v.state})
	}
	for _, v := range values {
		for _, metadata := range []string{"same", "changed"} {
			for _, policy := range []string{"delete", "keep"} {
				s := desired()
				s.Value, s.Delete = v.state, policy == "delete"
				if metadata == "changed" {
					s.Scopes, s.Comment = []string{"dex"}, ptr("new")
				}
				cells = append(cells, desiredCell{
					cell[planner.DesiredSecret]{fmt.Sprintf("value %s, meta %s, %s", v.name, metadata, policy), s}, v.state,
				})
			}
		}
	}
	return cells
}

func recordedCells() []cell[planner.RecordedSecret] {
	cells := []cell[planner.RecordedSecret]{{name: "-"}}
	for _, policy := range []string{"delete", "keep"} {
		for _, pending := range []planner.Op{"", planner.OpCreate, planner.OpUpdate, planner.OpDelete} {
			s := recorded()
			s.Delete = policy == "delete"
			name := policy
			if pending != "" {
				s.Pending = &planner.Pending{Op: pending, Since: now.Add(-time.Minute), Until: now.Add(-30 * time.Second), ListedAt: now.Add(-time.Minute), Value: true}
				name += ", half " + string(pending)
			}
			if pending == planner.OpCreate {
				s.ID, s.Modified = "", ""
			}
			cells = append(cells, cell[planner.RecordedSecret]{name, s})
		}
	}
	return cells
}

func liveCells() []cell[planner.LiveSecret] {
	stranger := func() *planner.LiveSecret { // created before the intent of a half create
		l := live()
		l.Created = planner.Modified(now.Add(-70 * time.Second).Format(time.RFC3339))
		return l
	}
	same, before, after, late, other, ours := stranger(), stranger(), stranger(), stranger(), stranger(), stranger()
	before.Modified = older
	after.Modified = newer
	late.Modified = planner.Modified(now.Add(-10 * time.Second).Format(time.RFC3339)) // after all requests of a half update
	other.ID = "s2"
	ours.Created = planner.Modified(now.Add(-50 * time.Second).Format(time.RFC3339)) // after the intent of a half create
	return []cell[planner.LiveSecret]{
		{"-", nil}, {"same", same}, {"older", before}, {"newer", after}, {"late", late}, {"other id", other}, {"just made", ours},
	}
}
