// SPDX-License-Identifier: Apache-2.0
namespace Weir.Policy.Testing;

/// <summary>What one file of tests says.</summary>
/// <param name="File">Its name.</param>
/// <param name="Policies">Files and folders of policy, from the file's folder on; null: all policy of that folder.</param>
/// <param name="Mode">When workloads are under policy.</param>
/// <param name="Tests">At least one.</param>
public sealed record PolicyTestFile(
    string File,
    IReadOnlyList<(string Path, SourceLocation Location)>? Policies,
    EnforcementMode Mode,
    IReadOnlyList<PolicyTest> Tests);
