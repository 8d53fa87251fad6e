// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Control;

/// <summary>What was asked for cannot be done. The message is for whoever asked: what, to which
/// object, and what to do.</summary>
public sealed class ControlException(string message) : WeirException(message);
