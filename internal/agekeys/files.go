package agekeys

import (
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"filippo.io/age/agessh"
)

// maxFile is how many bytes of a key file are read at most.
const maxFile = 1 << 20

// named checks the name of a file in a variable before it is used or shown: it may be a key.
func (s *search) named(variable, name string) bool {
	switch {
	case strings.TrimSpace(name) == "":
		s.add("set "+variable+" to the full path of the key file, or unset it", "%s is set but empty", variable)
		return false
	case likeKey(name) && variable == fileVar:
		s.add("set "+keyVar+" to that identity, and unset "+fileVar, "%s holds an identity instead of the name of a file", variable)
		return false
	case likeKey(name):
		s.add("write the key to a file, and set "+variable+" to its full path", "%s holds a key instead of the name of a file", variable)
		return false
	}
	return true
}

// likeKey reports whether a text is a key, or may be one.
func likeKey(text string) bool {
	upper := strings.ToUpper(text)
	if strings.ContainsAny(text, "\n\r") || strings.Contains(upper, "AGE-") || strings.Contains(upper, "PRIVATE KEY") {
		return true
	}
	return strings.Contains(strings.ToUpper(decoded(text)), identityPrefix)
}

// decoded decodes a text in base64. It returns "" for any other text.
func decoded(text string) string {
	text = strings.Trim(strings.Join(strings.Fields(text), ""), `"'`)
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return ""
	}
	return string(data)
}

// longRun matches a part of a key, or something else that a message can do without.
var longRun = regexp.MustCompile(`[A-Za-z0-9]{33}`)

// showable reports whether a variable's text, which no file has as its name, can be shown.
func showable(name string) bool {
	if longRun.MatchString(name) {
		return false
	}
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "~") ||
		strings.Contains(filepath.Base(name), ".") || filepath.IsAbs(name)
}

// read reads a key file, or says why that is not possible. place is how the user named it.
func (s *search) read(place, name string) (text string, ok bool) {
	info, err := os.Stat(name)
	shown := place
	if place != name && (err == nil || showable(name)) {
		shown = place + " names " + strconv.Quote(name) + ", which"
	} else if place != name {
		shown = place + " names a file that"
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.absent(shown, place, name)
		return "", false
	case errors.Is(err, fs.ErrPermission):
		s.unreadable(shown)
		return "", false
	case err != nil:
		s.add("", "%s cannot be read", shown)
		return "", false
	case info.IsDir():
		s.add("name the key file in the folder", "%s is a folder", shown)
		return "", false
	case !info.Mode().IsRegular():
		s.add("name a file that can be read again", "%s is a pipe or a device, not a file", shown)
		return "", false
	}
	f, err := os.Open(name)
	if err != nil {
		s.unreadable(shown)
		return "", false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		s.unreadable(shown)
		return "", false
	}
	return string(data), true
}

func (s *search) unreadable(shown string) {
	s.add("let the user that runs secretsync read the file", "%s cannot be read by this user", shown)
}

// absent says why a file may not be where its name says.
func (s *search) absent(shown, place, name string) {
	fix := ""
	switch {
	case place == name:
	case strings.Trim(name, `"'`) != name:
		fix = "set " + place + " without the quotes, which are a part of the name"
	case !showable(name):
		fix = "set " + place + " to the full path of the key file"
	case strings.Contains(name, `\`) && filepath.Separator == '/':
		fix = "write the path as it is on this system, with /"
	case strings.HasPrefix(name, "~"):
		fix = "write the full path: only a shell replaces ~, and only without quotes"
	case strings.ContainsAny(name, "$%{"):
		fix = "write the full path: nothing has replaced the variable in it"
	case !filepath.IsAbs(name):
		fix = "write the full path: this one is relative to the current folder"
		if dir, err := os.Getwd(); err == nil {
			fix += ", " + dir
		}
	}
	s.add(fix, "%s does not exist", shown)
}

// sshFile looks at the SSH keys that SOPS can use.
func (s *search) sshFile() {
	name, ok := s.lookupEnv(sshFileVar)
	if !ok || !s.named(sshFileVar, name) {
		return
	}
	text, ok := s.read(sshFileVar, name)
	if !ok {
		return
	}
	switch _, err := agessh.ParseIdentity([]byte(text)); {
	case err == nil:
		s.used, s.public = append(s.used, sshFileVar), append(s.public, "an SSH key")
	case strings.Contains(err.Error(), "passphrase"):
		s.add("where no terminal can ask for it, use a key without one", "the key in %s has a passphrase", sshFileVar)
	default:
		s.add("name the file of a private key, ed25519 or RSA, without .pub", "%s names a file that is not an SSH private key", sshFileVar)
	}
}
