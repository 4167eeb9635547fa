package api

// ConfigCheck says that a file of settings is good.
type ConfigCheck struct {
	V    int    `json:"v"`
	Type string `json:"type"`
	// File is the path of it.
	File string `json:"file"`
	// Commands are the daemons that would start with it, each by its words behind
	// "paybeacon": one, unless the directory is no node's yet.
	Commands []string `json:"commands"`
	// Settings are the flags that it sets, in the order of its lines.
	Settings []string `json:"settings"`
}
