package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/secretsync/secretsync/internal/render"
)

// JSON writes the report for programs (docs/report.md).
func (r *Report) JSON(w io.Writer) error { return render.WriteJSON(w, r) }

// Text writes the report for a terminal: a table for each store, and a line that sums it up.
func (r *Report) Text(w io.Writer) error {
	b := builder{report: r, ids: map[string]bool{}}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	at := 0
	for _, st := range r.Stores {
		c := b.card(st)
		fmt.Fprintf(t, "%s  account %s: %s%s\n", c.Name, c.Account, c.Secrets, unlessEmpty(". ", c.Quota))
		for _, f := range c.Findings {
			fmt.Fprintf(t, "  %s\n", f)
		}
		if st.Secrets > 0 {
			fmt.Fprint(t, "  SECRET\tSTATE\tVALUE\tLAST ROTATION\tNEXT DUE\tSOURCE\tREADERS\n")
		}
		for range st.Secrets {
			row := b.row(at)
			applied, due := "not known", row.NoDue
			if row.Applied != nil {
				applied = row.Applied.Text
			}
			if row.NextDue != nil {
				due = row.NextDue.Text + ", " + row.NextDue.Relative
			}
			source := row.Source
			if source == "" {
				source = row.NoSource
			}
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\t%d\n", row.Name, row.State.Words, row.Value.Words, applied, due, source, len(row.Readers))
			at++
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, r.Summary())
	if err := t.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}

func unlessEmpty(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

// Summary is the report in one line.
func (r *Report) Summary() string {
	bad := r.counting(func(s *Secret) bool { return stateBadge(s.State).Tone == toneBad })
	late := r.counting(func(s *Secret) bool { return s.Overdue })
	text := fmt.Sprintf("%s in %s: %d drifted, missing or interrupted, %d overdue for rotation.",
		count(len(r.Secrets), "secret"), count(len(r.Stores), "store"), bad, late)
	if !r.Complete {
		text = "Incomplete: not everything could be read. " + text
	}
	return text
}
