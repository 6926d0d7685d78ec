package manifest

import (
	"bytes"
	"cmp"
	"context"
	"time"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/repo"
	"github.com/secretsync/secretsync/internal/secret"
)

const (
	// maxValue is the size of the largest value in bytes (docs/cloudflare-api.md §5).
	maxValue = 65_536

	// A value's file may be larger by the line ends that are trimmed.
	maxValueFile = 2 * maxValue
)

// sources is what reading values takes.
type sources struct {
	names     []string // of the manifest and its includes
	files     repo.Files
	sops      SOPS
	lookup    func(string) (string, bool)
	environ   func() []string
	tokenEnvs []string
	known     func(Value)

	allowCommands bool
	commandTime   time.Duration
	workers       []workerPattern
	maxSOPSFile   int
}

// reading is one pass over the sources: each SOPS file is opened once in it, and each command
// run once.
type reading struct {
	sources
	ran    map[string]ran        // by arguments and folder
	opened map[[2]string]*sealed // by name and format
	errs   ErrorList
	failed map[Error]bool // the mistakes so far
}

func (m *Manifest) newReading() *reading {
	return &reading{sources: m.sources, ran: map[string]ran{}, opened: map[[2]string]*sealed{}, failed: map[Error]bool{}}
}

// Resolve reads every value, except external ones and those that are generated when they
// are applied. An error is an [ErrorList] of all values that could not be read, with the
// positions of their "from" in the manifest. A mistake in a SOPS file as a whole is
// reported once. After an interruption it is the context's error.
func (m *Manifest) Resolve(ctx context.Context) (map[SecretRef]Resolved, error) {
	return m.ResolveSome(ctx, func(SecretRef) bool { return true })
}

// ResolveSome is Resolve for the wanted secrets only.
func (m *Manifest) ResolveSome(ctx context.Context, wanted func(SecretRef) bool) (map[SecretRef]Resolved, error) {
	r := m.newReading()
	defer r.wipe()
	var list []*sought
	for _, store := range m.Stores {
		for _, sec := range store.Secrets {
			if ref := (SecretRef{store.Label, sec.Label}); sec.Source.Kind != SourceGenerate && !sec.External && wanted(ref) {
				list = append(list, &sought{ref: ref, source: sec.Source})
			}
		}
	}
	r.decrypt(ctx, list)
	values := make(map[SecretRef]Resolved, len(list))
	for _, s := range list {
		if !s.sealed() {
			s.res, s.err = r.value(ctx, s.ref.Secret, s.source)
		}
		if s.err == nil {
			r.known(s.res.Value)
			s.err = checkValue(s.source, s.from, s.res.Value)
			s.res.Note = noteOf(s.source, s.from, s.res)
		}
		if s.err != nil {
			r.fail(s.source.Pos, s.err)
			continue
		}
		values[s.ref] = s.res
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err := r.errs.Err(); err != nil {
		return nil, err
	}
	return values, nil
}

// Ciphertexts returns what can be known about every value without a key, without the
// environment and without running anything. It has the same errors as [Manifest.Check].
func (m *Manifest) Ciphertexts() (map[SecretRef]Ciphertext, error) {
	r := m.newReading()
	known := map[SecretRef]Ciphertext{}
	for _, store := range m.Stores {
		for _, sec := range store.Secrets {
			c, err := r.check(sec.Source)
			if err != nil {
				r.fail(sec.Source.Pos, err)
			}
			known[SecretRef{store.Label, sec.Label}] = c
		}
	}
	if err := r.errs.Err(); err != nil {
		return nil, err
	}
	return known, nil
}

// Check reports mistakes in the sources that can be found without a key, without the
// environment and without running anything: missing files, files that SOPS encrypted but
// that would be sent as they are, and missing or altered entries of SOPS files. An error
// is an [ErrorList].
func (m *Manifest) Check() error {
	_, err := m.Ciphertexts()
	return err
}

// CheckEnvironment reports the variables that values are read from and that are not set. An error
// is an [ErrorList].
func (m *Manifest) CheckEnvironment() error { return m.unset().Err() }

// unset are the sources that name variables which are not set.
func (m *Manifest) unset() (errs ErrorList) {
	for _, store := range m.Stores {
		for _, sec := range store.Secrets {
			if s := sec.Source; s.Kind == SourceEnv && !s.wrong {
				if _, bad := m.sources.variable(s); bad != nil {
					errs = append(errs, bad)
				}
			}
		}
	}
	return errs
}

func (r sources) variable(s Source) (string, *Error) {
	text, ok := r.lookup(s.target)
	if !ok || text == "" {
		return "", mistake(ruleEnvironment, s.Pos, "", "the environment variable %q is not set, or empty", s.target)
	}
	return text, nil
}

// fail adds a mistake; one in another file, which many secrets may
// need, is reported once.
func (r *reading) fail(at Position, err error) {
	list := mistakesOf(err)
	list.Tag(ruleSource, 0) // an implementation of SOPS need not set any
	for _, e := range list {
		if e.Pos == at || !r.failed[*e] {
			r.errs = append(r.errs, located(at, e))
		}
		r.failed[*e] = true
	}
}

func (r *reading) check(s Source) (Ciphertext, error) {
	sealed := s.sealed
	switch {
	case s.wrong: // what it was meant to name is not known
		return Ciphertext{}, nil
	case s.Kind == SourceFile:
		if bad := r.files.Check(s.Pos, s.target); bad != nil {
			return Ciphertext{}, bad
		}
		if bad := r.wrongFile(s); bad != nil {
			return Ciphertext{}, bad
		}
	case s.Kind == SourceSOPS:
		var err error
		if sealed, err = r.sopsFile(s); err != nil {
			return Ciphertext{}, err
		}
	}
	if sealed == nil {
		return Ciphertext{}, nil
	}
	e, err := sealed.entry(s.path)
	return s.ciphertext(Ciphertext{e.Digest, sealed.name}), err
}

// value reads the value of a secret that is in no SOPS file. Its name is for messages.
func (r *reading) value(ctx context.Context, secretName string, s Source) (Resolved, error) {
	switch s.Kind {
	case SourceEnv:
		text, bad := r.variable(s)
		if bad != nil {
			return Resolved{}, bad
		}
		return Resolved{Value: secret.New([]byte(text))}, nil
	case SourceFile:
		return r.file(s)
	case SourceCommand:
		v, bad := r.command(ctx, secretName, s)
		if bad != nil {
			return Resolved{}, bad
		}
		return Resolved{Value: v}, nil
	}
	return Resolved{Value: s.inline}, nil
}

// ciphertext is what is known about a source's value without a key. Trimming changes the value, so
// it is part of the digest.
func (s Source) ciphertext(c Ciphertext) Ciphertext {
	if s.Kind == SourceSOPS && s.trim && c.Digest != "" {
		c.Digest = digestOf("trim", c.Digest)
	}
	return c
}

// trimmedEnd returns a value without its trailing line ends, and wipes it.
func trimmedEnd(v Value) Value {
	defer v.Wipe()
	return secret.New(bytes.Clone(bytes.TrimRight(v.Reveal(), "\r\n")))
}

func (r *reading) file(s Source) (Resolved, error) {
	data, bad := r.files.Read(s.Pos, s.target, maxValueFile)
	if bad != nil {
		return Resolved{}, cmp.Or(r.wrongFile(s), bad) // a SOPS file is more than one value
	}
	if s.trim {
		data = bytes.TrimRight(data, "\r\n")
	}
	return Resolved{Value: secret.New(data)}, nil
}

// wrongFile refuses a SOPS file that is named as a plain one, and UTF-16. Whatever else is wrong
// with the file is found when its value is read.
func (r *reading) wrongFile(s Source) *Error {
	data, bad := r.files.Read(s.Pos, s.target, r.maxSOPSFile)
	if bad != nil {
		return nil
	}
	v := secret.New(data)
	defer v.Wipe()
	return cmp.Or(checkEncrypted(s, nil, v), checkEncoding(s, v))
}

func (r *reading) sopsFile(s Source) (*sealed, error) {
	id := [2]string{s.target, s.format}
	if f := r.opened[id]; f != nil {
		return f, nil
	}
	f := &sealed{sops: r.sops, name: s.target, format: s.format}
	data, bad := r.files.Read(s.Pos, s.target, r.maxSOPSFile)
	if bad != nil {
		return nil, bad
	}
	f.data = data
	r.opened[id] = f
	return f, nil
}

// checkValue refuses what Cloudflare would refuse, or would store other than meant. Every
// value of every source passes it. from is the SOPS file that it was in, if any.
func checkValue(s Source, from *sealed, v Value) error {
	if bad := cmp.Or(checkEncrypted(s, from, v), checkEncoding(s, v)); bad != nil {
		return bad
	}
	at, b := s.Pos, v.Reveal()
	switch {
	case len(b) == 0:
		return mistake(ruleValue, at, "", "the value is empty")
	case len(b) > maxValue:
		return mistake(ruleValue, at, "", "the value is larger than %d bytes, which is Cloudflare's limit", maxValue)
	case !utf8.Valid(b):
		return mistake(ruleValue, at, "save a text as UTF-8, and encode anything else, for example as base64", "the value is not UTF-8 text")
	}
	return nil
}

// checkEncoding refuses a text in UTF-16: a Worker reads values as UTF-8.
func checkEncoding(s Source, v Value) *Error {
	encoding := charset.UTF16(v.Reveal())
	if encoding == "" {
		return nil
	}
	hint := charset.Hint
	switch s.Kind {
	case SourceCommand:
		hint = "let the command print UTF-8"
	case SourceSOPS, SourceValue:
		hint += "; then encrypt it again"
	}
	return mistake(ruleValue, s.Pos, hint, "the value is encoded in %s", encoding)
}
