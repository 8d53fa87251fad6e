// SPDX-License-Identifier: Apache-2.0

namespace Weir.Control;

/// <summary>A label by which a container tells Weir something about itself.</summary>
/// <param name="Text">As it was written, but for what is too long to be right.</param>
/// <param name="IsOfImage">It may be the image's word, not that of whoever runs the container: it opens nothing.</param>
public sealed record WorkloadLabel(string Text, bool IsOfImage)
{
    /// <summary>Longer ones are wrong.</summary>
    public const int Longest = 2048;

    /// <summary>The same, kept no longer than it takes to see that it is too long.</summary>
    public WorkloadLabel Cut() => Text.Length > Longest ? this with { Text = Text[..(Longest + 1)] } : this;
}
