package manifest

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/secretsync/secretsync/internal/sopstext"
	"github.com/secretsync/secretsync/internal/syntax"
)

// sealed is a file that SOPS encrypted, opened when it is first needed.
type sealed struct {
	sops   SOPS
	name   string
	format string // "" if it is not known
	data   []byte
	file   SOPSFile
	err    error
}

func (s *sealed) open() (SOPSFile, error) {
	if s.file == nil && s.err == nil {
		if s.sops == nil {
			s.err = mistake(ruleSOPS, Position{File: s.name}, "", "SOPS files cannot be read here")
		} else {
			s.file, s.err = s.sops.Open(s.name, s.format, s.data)
		}
	}
	return s.file, s.err
}

// entry returns what can be known of an encrypted value without a key, and refuses
// values that cannot be what their author meant.
func (s *sealed) entry(path []string) (SOPSEntry, error) {
	file, err := s.open()
	if err != nil {
		return SOPSEntry{}, err
	}
	e, err := file.Entry(path)
	switch {
	case err != nil:
		return e, err
	case e.InList:
		return e, mistake(ruleSOPS, e.Pos, "use a map: SOPS does not detect when a list's items are swapped", "the value is in a list")
	case e.Type == "":
		return e, mistake(ruleSOPS, e.Pos, "encrypt the file with SOPS, with rules that cover this key",
			"the value is not encrypted, or it is empty: SOPS does not encrypt empty values")
	case e.Type != "str" && e.Type != "bytes":
		return e, mistake(ruleSOPS, e.Pos, "put it in quotes and encrypt it again: as a number, 0123 becomes 83",
			"the value was encrypted as %s, so it may have been altered", cmp.Or(sopsTypes[e.Type], "another type"))
	}
	return e, nil
}

// maxDecrypting is how many SOPS files are decrypted at once, while key servers answer.
const maxDecrypting = 16

// sought is a secret whose value is read.
type sought struct {
	ref    SecretRef
	source Source

	from *sealed // the SOPS file that the value is in, once that was read
	res  Resolved
	err  error
}

// sealed reports whether the value is in a SOPS file.
func (s *sought) sealed() bool { return s.source.Kind == SourceSOPS || s.source.sealed != nil }

// decrypt reads the values in a list that come from SOPS files. The files are decrypted side by side,
// each once.
func (r *reading) decrypt(ctx context.Context, list []*sought) {
	var files []*sealed
	in := map[*sealed][]*sought{}
	for _, s := range list {
		if !s.sealed() {
			continue
		}
		if s.from, s.err = r.sealedFile(s.source); s.err != nil {
			continue
		}
		if in[s.from] == nil {
			files = append(files, s.from)
		}
		in[s.from] = append(in[s.from], s)
	}
	var g errgroup.Group
	g.SetLimit(maxDecrypting)
	for _, file := range files {
		g.Go(func() error {
			for _, s := range in[file] {
				if s.err = ctx.Err(); s.err == nil {
					s.res, s.err = file.resolve(ctx, s.source)
				}
			}
			if r.owns(file) {
				file.file = nil // with the plaintext
			}
			return nil
		})
	}
	_ = g.Wait() // each secret has its own error
}

// OpenedSOPS is a SOPS file that the values of a manifest are in.
type OpenedSOPS struct {
	Name string
	File SOPSFile // nil with an error
	Err  error
}

// SOPSFiles opens the SOPS files that the values of the manifest are in, each once, in the order
// in which the manifest names them. It decrypts nothing.
func (m *Manifest) SOPSFiles() (files []OpenedSOPS) {
	r := m.newReading()
	seen := map[[2]string]bool{}
	for _, store := range m.Stores {
		for _, sec := range store.Secrets {
			s := sought{source: sec.Source}
			if !s.sealed() {
				continue
			}
			o := OpenedSOPS{Name: sec.Source.target}
			from, err := r.sealedFile(sec.Source)
			if err == nil {
				o.Name = from.name
				o.File, err = from.open()
			}
			if id := [2]string{o.Name, sec.Source.format}; !seen[id] {
				seen[id], o.Err = true, err
				files = append(files, o)
			}
		}
	}
	return files
}

// sealedFile returns the SOPS file that a value is in.
func (r *reading) sealedFile(s Source) (*sealed, error) {
	if s.Kind == SourceSOPS {
		return r.sopsFile(s)
	}
	return s.sealed, nil
}

// owns reports whether a file was opened for this reading, and not with the manifest.
func (r *reading) owns(f *sealed) bool { return r.opened[[2]string{f.name, f.format}] == f }

var sopsTypes = map[string]string{"int": "an integer", "float": "a number", "bool": "a boolean", "time": "a date", "comment": "a comment"}

// resolve decrypts the value of a source, if entry accepts it.
func (s *sealed) resolve(ctx context.Context, source Source) (Resolved, error) {
	e, err := s.entry(source.path)
	if err != nil {
		return Resolved{}, err
	}
	v, err := s.file.Value(ctx, source.path)
	if source.trim && err == nil {
		v = trimmedEnd(v)
	}
	return Resolved{Value: v, Ciphertext: source.ciphertext(Ciphertext{e.Digest, s.name}), at: e.Pos}, err
}

// dotenv reports whether the file has SOPS's dotenv format.
func (s *sealed) dotenv() bool {
	return cmp.Or(sopstext.Format(s.format), sopstext.FormatOf(s.name, s.data)) == sopstext.Dotenv
}

// edit is the command that changes the file.
func (s *sealed) edit() string {
	return sopstext.Command("edit", s.name, sopstext.FormatOf(s.name, s.data))
}

// isSealed reports whether SOPS encrypted a file.
func isSealed(root *syntax.Node) bool {
	mac := root.Get("sops").Get("mac")
	return mac != nil && mac.Kind == syntax.String
}

// unseal removes the metadata from a file that SOPS encrypted, and decrypts
// everything that is encrypted but is not a secret's value. So a key is needed only
// if there is such a thing. Values stay encrypted until they are resolved.
func (d *document) unseal(ctx context.Context, root *syntax.Node, format syntax.Format, data []byte) bool {
	if !isSealed(root) {
		d.refuseCiphertext(root, make([]string, 0, 16)) // what is appended needs no memory
		return true
	}
	d.sealed = &sealed{sops: d.opts.SOPS, name: d.name, format: strings.ToLower(string(format)), data: data}
	root.Fields = slices.DeleteFunc(root.Fields, func(f syntax.Field) bool { return f.Key == "sops" })
	return d.unsealNode(ctx, root, nil)
}

// refuseCiphertext reports encrypted texts in a file that SOPS did not encrypt: an encrypted comment,
// for example, would be sent as it is. Values are reported where they are read.
func (d *document) refuseCiphertext(n *syntax.Node, path []string) {
	for _, f := range n.Fields {
		d.refuseCiphertext(f.Value, append(path, f.Key))
	}
	for _, item := range n.Items {
		d.refuseCiphertext(item, append(path, "item")) // a list leads to no value
	}
	if n.Kind == syntax.String && strings.Contains(n.Text, sopstext.ValuePrefix) && sopstext.Encrypted([]byte(n.Text)) && !isValuePath(path) {
		d.errs = append(d.errs, mistake(ruleSource, n.Pos, "write it in plaintext; or restore the key \"sops\", if the file had it",
			"encrypted text in a file that SOPS did not encrypt"))
		n.Kind = syntax.Refused
	}
}

func (d *document) unsealNode(ctx context.Context, n *syntax.Node, path []string) bool {
	for _, f := range n.Fields {
		if !d.unsealNode(ctx, f.Value, append(path, f.Key)) {
			return false
		}
	}
	items := n.Items
	n.Items = nil
	for i, item := range items {
		if isComment(item) {
			continue
		}
		n.Items = append(n.Items, item)
		if !d.unsealNode(ctx, item, append(path, strconv.Itoa(i))) {
			return false
		}
	}
	if n.Kind != syntax.String || !sopstext.IsValue(n.Text) || isValuePath(path) {
		return true
	}
	err := d.unsealLeaf(ctx, n, slices.Clone(path)) // the elements of path change
	for _, e := range mistakesOf(err) {
		d.errs = append(d.errs, located(n.Pos, e))
	}
	return err == nil
}

// isComment reports whether an item is a comment of a list, as SOPS encrypts it.
func isComment(n *syntax.Node) bool {
	return n.Kind == syntax.String && sopstext.IsValue(n.Text) && strings.HasSuffix(n.Text, ",type:comment]")
}

// isValuePath reports whether a path is a secret's inline value.
func isValuePath(path []string) bool {
	return len(path) == 5 && path[0] == "stores" && path[2] == "secrets" && path[4] == "value"
}

// unsealLeaf puts the plaintext of a name, path or flag into the tree. It is not a
// secret's value, so it may have any type and be in a list.
func (d *document) unsealLeaf(ctx context.Context, n *syntax.Node, path []string) error {
	file, err := d.sealed.open()
	if err != nil {
		return err
	}
	e, err := file.Entry(path)
	if err != nil {
		return err
	}
	v, err := file.Value(ctx, path)
	if err != nil {
		return err
	}
	d.unsealed[n] = n.Text
	n.Text = string(v.Reveal())
	switch e.Type {
	case "int":
		n.Kind = syntax.Int
	case "float":
		n.Kind = syntax.Float
	case "time":
		n.Kind = syntax.Time
	case "bool": // SOPS writes True and False
		n.Kind, n.Text = syntax.Bool, strings.ToLower(n.Text)
	}
	return nil
}
