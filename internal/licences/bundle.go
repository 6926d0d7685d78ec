package licences

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
)

// accepted are the licences that modules in the program may have. Each allows to distribute the
// program under its own licence, if the texts that Bundle writes accompany it.
var accepted = []string{
	"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "Unlicense",
	"GooglePatentsFile", // grants patents, beside a licence
}

// Bundle writes the licences and notices of the packages' modules, and where to find the source of
// each, as the MPL requires. A module without a licence, or with one that is not accepted, is an
// error.
func Bundle(w io.Writer, packages []Package) error {
	var out bytes.Buffer
	out.WriteString("secretsync contains the following modules, under their own licences.\n")
	for len(packages) > 0 {
		m := *packages[0].Module
		n := slices.IndexFunc(packages, func(p Package) bool { return p.Module.Path != m.Path })
		if n < 0 {
			n = len(packages)
		}
		texts, err := m.textsOf(packages[:n])
		if err != nil {
			return err
		}
		var ids []string
		for _, t := range texts {
			ids = append(ids, t.IDs...)
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
		if len(ids) == 0 {
			return fmt.Errorf("%s@%s has no licence that is recognised", m.Path, m.Version)
		}
		for _, id := range ids {
			if !slices.Contains(accepted, id) {
				return fmt.Errorf("%s@%s has the licence %s, which is not accepted", m.Path, m.Version, id)
			}
		}
		fmt.Fprintf(&out, "\n%s\n%s %s\nLicence: %s\nSource: https://pkg.go.dev/%s@%s\n", strings.Repeat("=", 80), m.Path, m.Version, strings.Join(ids, ", "), m.Path, m.Version)
		for _, t := range texts {
			fmt.Fprintf(&out, "\n--- %s\n\n%s\n", t.Name, bytes.TrimRight(t.Content, "\n"))
		}
		packages = packages[n:]
	}
	_, err := w.Write(out.Bytes())
	return err
}

// textsOf are the texts that packages of one module are under, each once.
func (m Module) textsOf(packages []Package) ([]Text, error) {
	var all []Text
	for _, p := range packages {
		texts, err := m.Texts(p.Dir)
		if err != nil {
			return nil, err
		}
		for _, t := range texts {
			if !slices.ContainsFunc(all, func(o Text) bool { return o.Name == t.Name }) {
				all = append(all, t)
			}
		}
	}
	slices.SortFunc(all, func(a, b Text) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}
