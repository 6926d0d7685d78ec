package buildinfo

import "regexp"

// Page returns the address of a file of the repository, as it was in the running version. Builds that
// are not releases use the main branch.
func Page(path string) string {
	return "https://github.com/secretsync/secretsync/blob/" + ref(Version()) + "/" + path
}

// ref is the tag of a release. Other versions, which end in a commit's time and hash or in a mark of
// local changes, have the main branch.
func ref(version string) string {
	if regexp.MustCompile(`^v\d+\.\d+\.\d+(-(alpha|beta|rc)\.?\d+)?$`).MatchString(version) {
		return version
	}
	return "main"
}
