// Package origin decides which foreign pages may use a service and what the
// answer tells the browser (protocol.md §1.8, config.md §11.1).
//
//	request ──▶ Effective: Origin, X-Origin or .ko
//	        ──▶ Decide: same origin? a constraint? ──▶ Allow | Refuse (403) | Preflight (200)
//	        ──▶ Decision.Fields: the Access-Control lines
//
// [ParseMethodPath] and [Proven] belong to plug-in clients, which carry the
// method in the path; [AppendAccessPolicy] renders the policy file that lets
// them in.
//
// The package is values in, values out: no I/O, no clock, no goroutine. A
// Policy is built once per accept URI and read by all.
package origin
