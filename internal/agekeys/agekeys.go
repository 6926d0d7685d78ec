// Package agekeys knows where SOPS looks for age identities. It explains why SOPS found none that
// decrypts a file: SOPS gives one answer to all mistakes, and quotes file names, which may be keys
// by mistake. And it finds the user's own identity, or creates one.
//
// Call [Explain] after SOPS has failed, and [Find] before something is encrypted for the first
// time. Neither a key nor its length is in what they return.
package agekeys

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"filippo.io/age"
)

// The variables that SOPS reads.
const (
	keyVar     = "SOPS_AGE_KEY"
	fileVar    = "SOPS_AGE_KEY_FILE"
	cmdVar     = "SOPS_AGE_KEY_CMD"
	sshFileVar = "SOPS_AGE_SSH_PRIVATE_KEY_FILE"
	sshCmdVar  = "SOPS_AGE_SSH_PRIVATE_KEY_CMD"
)

// Finding is something that is wrong with the identities: What it is, and the Fix, which may
// be empty.
type Finding struct{ What, Fix string }

// File describes a file that could not be decrypted.
type File struct {
	// Recipients are the age recipients that it is encrypted for.
	Recipients []string
	// Failures are SOPS's errors. They are only searched for known phrases.
	Failures []string
	// Add is what a recipient's holder does to add another recipient, once that is in .sops.yaml.
	Add string
}

// Explain says what is wrong with the identities where SOPS looks for them. Commands are not
// run again.
func Explain(f File) []Finding {
	s := &search{File: f, lookupEnv: os.LookupEnv}
	s.variable()
	s.file()
	s.command(cmdVar)
	s.configured()
	if slices.ContainsFunc(f.Recipients, isSSH) || s.isSet(sshFileVar) || s.isSet(sshCmdVar) {
		s.sshFile()
		s.command(sshCmdVar)
	}
	return s.conclude()
}

func isSSH(recipient string) bool { return strings.HasPrefix(recipient, "ssh-") }

func (s *search) isSet(variable string) bool {
	_, ok := s.lookupEnv(variable)
	return ok
}

// search is one look at all places.
type search struct {
	File
	lookupEnv func(string) (string, bool)
	findings  []Finding
	used      []string // places that hold identities
	public    []string // the recipients of those identities
}

func (s *search) add(fix, what string, args ...any) {
	s.findings = append(s.findings, Finding{fmt.Sprintf(what, args...), fix})
}

// variable looks at what SOPS_AGE_KEY holds.
func (s *search) variable() {
	text, ok := s.lookupEnv(keyVar)
	if !ok {
		return
	}
	if strings.TrimSpace(text) == "" {
		s.add("set "+keyVar+" to the identity, or unset it; in CI, a secret that the job may not read is empty",
			"%s is set but empty", keyVar)
		return
	}
	s.content(text, source{name: keyVar, words: true})
}

// content looks at a text that should hold identities.
func (s *search) content(text string, from source) {
	ids, bad := parse(text, from.words)
	if bad == nil && len(ids) > 0 {
		s.used = append(s.used, from.name)
		for _, id := range ids {
			s.public = append(s.public, public(id))
		}
		return
	}
	where, what, fix := classify(text, bad, from)
	s.add(fix, "%s holds %s", where, what)
}

// file looks at what SOPS_AGE_KEY_FILE names.
func (s *search) file() {
	if name, ok := s.lookupEnv(fileVar); ok && s.named(fileVar, name) {
		s.keyFile(fileVar, name)
	}
}

// keyFile looks into a file of identities, which place names.
func (s *search) keyFile(place, name string) {
	if text, ok := s.read(place, name); ok {
		s.content(text, source{name: place, file: name})
	}
}

// configured looks into the file in the user's configuration folder.
func (s *search) configured() {
	if name := ConfigFile(s.lookupEnv); name != "" {
		if _, err := os.Lstat(name); err == nil {
			s.keyFile(name, name)
		}
	}
}

// conclude adds what follows from all places together.
func (s *search) conclude() []Finding {
	switch {
	case len(s.public) > 0:
		s.mismatch()
	case len(s.findings) > 0:
	case !slices.ContainsFunc(s.Recipients, func(r string) bool { return !isSSH(r) }):
		s.add("set "+sshFileVar+" to the private key of one of its recipients",
			"no SSH key was found in %s and ~/.ssh", sshFileVar)
	default:
		s.add("set "+fileVar+" to the full path of the key file, or "+keyVar+" to its line "+identityPrefix+"...", "%s", s.nowhere())
	}
	return s.findings
}

func (s *search) nowhere() string {
	what := fmt.Sprintf("%s, %s and %s are not set", keyVar, fileVar, cmdVar)
	if name := ConfigFile(s.lookupEnv); name != "" {
		what += fmt.Sprintf(", and %q does not exist", name)
	}
	return what
}

// mismatch says whose identities there are.
func (s *search) mismatch() {
	slices.Sort(s.public)
	s.public = slices.Compact(s.public)
	for _, p := range s.public {
		if slices.Contains(s.Recipients, p) {
			s.add("restore the file from git",
				"%s holds the identity of its recipient %s, but what the file has for it is damaged", strings.Join(s.used, " or "), shortened(p))
			return
		}
	}
	const most = 5
	shown := s.public
	if more := len(shown) - most; more > 0 {
		shown = append(slices.Clone(shown[:most]), "others")
	}
	for i := range shown {
		shown[i] = shortened(shown[i])
	}
	s.add("use the identity of one of its recipients, or have the holder of one add yours to .sops.yaml and "+s.Add,
		"%s holds the identity of %s, which the file is not encrypted for", strings.Join(s.used, " and "), strings.Join(shown, " and "))
}

// public is the recipient of an identity, as far as it is known without using it.
func public(id age.Identity) string {
	switch id := id.(type) {
	case *age.X25519Identity:
		return id.Recipient().String()
	case *age.HybridIdentity:
		return id.Recipient().String()
	case protected:
		return "a recipient that only its passphrase shows"
	}
	return "a plugin's recipient"
}

// shortened cuts a post-quantum recipient, which has 2,000 characters.
func shortened(recipient string) string {
	const most = 100
	if len(recipient) > most {
		return recipient[:most] + "..."
	}
	return recipient
}
