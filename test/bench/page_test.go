//go:build bench && linux

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/secretsync/secretsync/test/program"
)

// The page keeps what is before the first of these lines and after the second.
const (
	begins = "<!-- make bench writes what follows -->\n"
	ends   = "<!-- make bench writes what precedes -->\n"
)

// writePage writes the tables to the page.
func (r *results) writePage(t *testing.T, file string) {
	t.Helper()
	file, err := filepath.Abs(file)
	program.Must(t, err)
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		data, err = []byte(begins+ends), nil
	}
	program.Must(t, err)
	page, err := between(string(data), r.tables())
	program.Must(t, err)
	program.Must(t, os.WriteFile(file, []byte(page), 0o644))
	t.Logf("written: %s, and %s for benchstat\n%s", file, filepath.Join(tools.dir, "results.txt"), r.tables())
}

// between replaces the text between the marks.
func between(page, text string) (string, error) {
	head, rest, ok := strings.Cut(page, begins)
	_, tail, found := strings.Cut(rest, ends)
	if !ok || !found {
		return "", fmt.Errorf("the page lacks the line %q or, after it, %q", strings.TrimSpace(begins), strings.TrimSpace(ends))
	}
	return head + begins + text + ends + tail, nil
}

// tables are all results that there are, as Markdown.
func (r *results) tables() string {
	var b strings.Builder
	for _, part := range r.parts() {
		if len(*part.all) > 0 {
			fmt.Fprintf(&b, "\n### %s\n\n%s\n", part.title, wrap(r.How[part.name]))
			part.table(r, &b)
		}
	}
	b.WriteString("\n")
	return b.String()
}

func (r *results) buildsTable(b *strings.Builder) { clientsTable(b, r.Builds) }

func (r *results) peersTable(b *strings.Builder) {
	b.WriteString("![time of each operation and client](performance-clients.svg)\n\n")
	clientsTable(b, r.Peers)
}

func clientsTable(b *strings.Builder, all []measurement) {
	b.WriteString("| operation | client | requests | time | ratio to the floor | CPU | peak memory | fails |\n|---|---|---|---|---|---|---|---|\n")
	for _, operation := range compared {
		floor, _ := median(all, floorClient.name, operation, 0)
		for _, name := range names(all) {
			m, ok := median(all, name, operation, 0)
			if !ok {
				continue
			}
			fmt.Fprintf(b, "| %s | %s | %d | %s | %.2f | %s | %.0f MB | %s |\n", title(operation), name, m.Requests,
				seconds(m.Wall), m.Wall.Seconds()/floor.Wall.Seconds(), seconds(m.CPU), megabytes(m.Peak), m.Problem)
		}
	}
}

func (r *results) scaleTable(b *strings.Builder) {
	b.WriteString("![CPU time for more and more secrets](performance-scale.svg)\n\n")
	b.WriteString("| run | build | secrets | runs | requests | time | CPU | peak memory | written to disk | fails |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, operation := range growing {
		for _, name := range names(r.Scale) {
			for _, size := range sizes {
				if m, ok := median(r.Scale, name, operation.name, size.secrets); ok {
					fmt.Fprintf(b, "| %s | %s | %s | %d | %d | %s | %s | %.0f MB | %.2f MB | %s |\n", operation.name, name, thousands(size.secrets),
						m.Runs, m.Requests, m.took(m.Wall), m.took(m.CPU), megabytes(m.Peak), megabytes(m.Written), m.Problem)
				}
			}
		}
	}
	b.WriteString("\n" + wrap("A cost of N secrets that grows with N^e has the exponent e. Fitted from 1,000 secrets on, because the "+
		"start of the program is most of the cost of fewer:") + "\n| run | build | CPU | peak memory | written to disk |\n|---|---|---|---|---|\n")
	for _, operation := range growing {
		for _, name := range names(r.Scale) {
			fmt.Fprintf(b, "| %s | %s | %s |\n", operation.name, name, strings.Join(r.exponents(name, operation.name), " | "))
		}
	}
}

// exponents returns the exponents of CPU, memory and bytes written, as text.
func (r *results) exponents(name, operation string) []string {
	var secrets []float64
	costs := make([][]float64, 3)
	for _, size := range sizes {
		m, ok := median(r.Scale, name, operation, size.secrets)
		if !ok || m.Problem != "" || size.secrets < 1000 {
			continue
		}
		secrets = append(secrets, float64(size.secrets))
		for i, cost := range []float64{m.CPU.Seconds(), float64(m.Peak), float64(m.Written)} {
			costs[i] = append(costs[i], cost)
		}
	}
	text := []string{"", "", ""}
	for i := range text {
		switch {
		case len(secrets) < 2:
			text[i] = "measured for one size only"
		case costs[i][0] == 0:
			text[i] = "none"
		default:
			text[i] = fmt.Sprintf("%.2f", fit(secrets, costs[i]))
		}
	}
	return text
}

func (r *results) accountsTable(b *strings.Builder) {
	b.WriteString(wrap("An account takes three requests, one after the other: list the "+
		"stores, create one, create the secrets. That is 0.15 s, with 50 requests side by side.") + "\n" +
		"| build | requests | time | CPU | peak memory | fails |\n|---|---|---|---|---|---|\n")
	for _, name := range names(r.Accounts) {
		if m, ok := median(r.Accounts, name, "create", 50*100); ok {
			fmt.Fprintf(b, "| %s | %d | %s | %s | %.0f MB | %s |\n",
				name, m.Requests, seconds(m.Wall), seconds(m.CPU), megabytes(m.Peak), m.Problem)
		}
	}
}

func (r *results) limitsTable(b *strings.Builder) {
	b.WriteString("| limit | updates | build | runs | requests | 429 | time | best possible | of the best possible | fails |\n" +
		"|---|---|---|---|---|---|---|---|---|---|\n")
	for _, m := range r.mediansOfLimits() {
		share := ""
		if m.Problem == "" {
			share = fmt.Sprintf("%.1f %%", 100*m.Ideal.Seconds()/m.Wall.Seconds())
		}
		fmt.Fprintf(b, "| %s | %s | %s | %d | %d | %d | %s | %s | %s | %s |\n", m.Operation, thousands(m.Secrets), m.Name,
			m.Runs, m.Requests, m.Busy, m.took(m.Wall), seconds(m.Ideal), share, m.Problem)
	}
}

// mediansOfLimits returns the medians of the runs under each limit, in the order of the first runs.
func (r *results) mediansOfLimits() (all []measurement) {
	for _, one := range r.Limits {
		m, _ := median(r.Limits, one.Name, one.Operation, one.Secrets)
		same := func(other measurement) bool {
			return other.Name == m.Name && other.Operation == m.Operation && other.Secrets == m.Secrets
		}
		if !slices.ContainsFunc(all, same) {
			all = append(all, m)
		}
	}
	return all
}

// wrap breaks a paragraph into lines of at most 118 characters.
func wrap(text string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > 118:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String() + "\n"
}

// title is an operation in words: "create 50" for "create-50".
func title(operation string) string {
	if i := strings.LastIndexByte(operation, '-'); i >= 0 && operation[i+1:] != "op" {
		return operation[:i] + " " + operation[i+1:]
	}
	return operation
}

// took is a time of a run, or nothing if the run did not end.
func (m measurement) took(d time.Duration) string {
	if d == 0 && m.Problem != "" {
		return ""
	}
	return seconds(d)
}

// seconds has three digits that matter.
func seconds(d time.Duration) string {
	switch s := d.Seconds(); {
	case s < 1:
		return fmt.Sprintf("%.3f s", s)
	case s < 10:
		return fmt.Sprintf("%.2f s", s)
	default:
		return fmt.Sprintf("%.1f s", s)
	}
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
