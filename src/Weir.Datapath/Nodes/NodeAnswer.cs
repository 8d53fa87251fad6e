// SPDX-License-Identifier: Apache-2.0

namespace Weir.Datapath;

/// <summary>A node's last answer to a question by the overlay.</summary>
/// <param name="Asked">What was written into the question.</param>
/// <param name="AnsweredNs">When the answer came; of <see cref="Linux.Clock.MonotonicNs"/>.</param>
public readonly record struct NodeAnswer(ulong Asked, ulong AnsweredNs);
