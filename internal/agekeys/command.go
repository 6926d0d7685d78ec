package agekeys

import (
	"strconv"
	"strings"

	"github.com/secretsync/secretsync/internal/subprocess"
)

// command says what came of a variable's command, as far as SOPS's errors have it: what
// the command wrote is not shown, nor are its arguments.
func (s *search) command(variable string) {
	line, ok := s.lookupEnv(variable)
	if !ok {
		return
	}
	if strings.TrimSpace(line) == "" { // SOPS panics, and so uses no other key either
		s.add("unset "+variable, "%s is set but empty, so SOPS uses no age key", variable)
		return
	}
	for _, text := range s.Failures {
		switch _, failed, ok := strings.Cut(text, "failed to execute command "+line+": "); {
		case strings.Contains(text, "failed to parse command "+line+": "):
			s.add("the command is split into words as a shell would; no other shell syntax works",
				"the quotes in %s do not match", variable)
			return
		case ok:
			s.ended(variable, failed)
			return
		case strings.Contains(text, "failed to parse '"+variable+"' age identities"),
			strings.Contains(text, "malformed SSH identity returned by running "+variable):
			s.add("the command has to write the content of a key file, and nothing else, to its standard output",
				"the command in %s wrote something that is not an identity", variable)
			return
		case strings.Contains(text, "the SSH key returned by running "+variable+" is password protected"):
			s.add("use a key without a passphrase", "the command in %s wrote a key that has a passphrase", variable)
			return
		case nothing(text, variable):
			s.add("the command has to write the content of a key file to its standard output",
				"the command in %s wrote no identity", variable)
			return
		}
	}
	s.used, s.public = append(s.used, variable), append(s.public, "another recipient")
}

// nothing reports whether SOPS says that a place held no identity.
func nothing(text, place string) bool {
	_, places, ok := strings.Cut(text, "Did not find keys in location")
	return ok && strings.Contains(places, "'"+place+"'")
}

// ended says how a command failed, given the error of package os/exec.
func (s *search) ended(variable, failed string) {
	rest, exited := strings.CutPrefix(failed, "exit status ")
	code := strings.TrimRight(rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))], " ")
	switch _, err := strconv.Atoi(code); {
	case exited && err == nil:
		s.add("run the command by hand: what it wrote is not shown, as it may hold a key",
			"the command in %s failed with exit code %s", variable, code)
	case failed == subprocess.ErrOutput.Error():
		s.add("it has to write the content of a key file, and nothing else, to its standard output",
			"the command in %s wrote too much", variable)
	case strings.HasPrefix(failed, "signal: "):
		s.add("run the command by hand", "the command in %s was killed", variable)
	default:
		s.add("the command is run without a shell: name a program in PATH, or by its full path, and its arguments",
			"the command in %s could not be run", variable)
	}
}
