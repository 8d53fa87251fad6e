// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Evaluation;

/// <summary>What applies to one subject in one direction.</summary>
/// <param name="IsEnforced">Something is enforced or audited. False: everything passes, entries have no effect.</param>
/// <param name="Fallback">What becomes of what no entry allows.</param>
/// <param name="Entries">The entries of rules that select the subject.</param>
/// <param name="Indexes">For each of them its index among all entries of the engine.</param>
/// <param name="Mask">The same as a set: bit i = the engine's entry i.</param>
internal sealed record SubjectPolicy(bool IsEnforced, Fallback Fallback, EntryOfRule[] Entries, int[] Indexes, ulong[] Mask)
{
    public static SubjectPolicy Off { get; } = new(false, default, [], [], []);

    /// <summary>Whether an entry speaks of ports by name.</summary>
    public bool HasNamedPorts { get; } = Entries.Any(entry => entry.Entry.HasNamedPorts);
}
