package keyring

import "regexp"

// PinVariable is the environment variable that can hold the id of the only fingerprint key
// that is accepted. Recipients are public, so the author of a pull request could plant a key
// that only they know, sealed for everyone who applies. A pull request cannot change the
// environment of the runner.
const PinVariable = "SECRETSYNC_FINGERPRINT_KEY_ID"

var idForm = regexp.MustCompile(`^[0-9a-f]{16}$`)

// CheckPin returns an error unless id is the pinned one. It accepts any id if none is pinned,
// and always accepts the empty id, which means that there is no key.
func (r Ring) CheckPin(id string) error {
	pinned, ok := r.LookupEnv(PinVariable)
	switch {
	case !ok || pinned == "" || id == pinned:
		return nil
	case !idForm.MatchString(pinned): // not shown, because it could be the key itself
		return errorf(ErrBadPin, "%s is not the id of a fingerprint key, which is 16 hexadecimal digits", PinVariable)
	case id == "":
		return nil
	}
	return errorf(ErrNotPinned, "the fingerprint key of %s is %s, but %s allows only %s", r.Lockfile, id, PinVariable, pinned)
}

// checkUnpinned returns an error if a key is pinned, because a new key would be another.
func (r Ring) checkUnpinned() error {
	if pinned, ok := r.LookupEnv(PinVariable); ok && pinned != "" {
		return errorf(ErrNotPinned, "%s has no fingerprint key, and %s does not allow a new one", r.Lockfile, PinVariable)
	}
	return nil
}
