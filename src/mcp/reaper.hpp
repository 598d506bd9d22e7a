#pragma once

namespace geminga::mcp {

/// The process between us and a stdio server, run by the program's hidden verb: `argv` is what follows that
/// verb. Starts the server in a session of its own and ends the whole tree under it, children of children
/// included, when the server exits, when it is told to, or when the process that started it is gone for
/// whatever reason. Returns the exit code of the process. Must be called before anything else starts threads.
int reaper_main(int argc, char** argv);

}  // namespace geminga::mcp
