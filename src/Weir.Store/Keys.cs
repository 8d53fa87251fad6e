// SPDX-License-Identifier: Apache-2.0

namespace Weir.Store;

/// <summary>Keys are text of one kB at most, in the order of their UTF-8 bytes, as etcd has them.</summary>
public static class Keys
{
    private const int MaxLength = 1024;

    /// <summary>The order in which records are listed.</summary>
    public static IComparer<string> Order { get; } = Comparer<string>.Create(Compare);

    /// <summary>The same key, if it can be one.</summary>
    /// <exception cref="ArgumentException">It cannot.</exception>
    public static string Check(string key)
    {
        ArgumentException.ThrowIfNullOrEmpty(key);
        if (key.Length > MaxLength)
        {
            throw new ArgumentException($"a key has {key.Length} characters; {MaxLength} is the most", nameof(key));
        }

        for (int i = 0; i < key.Length; i++)
        {
            if (char.IsSurrogate(key[i]) && (i + 1 == key.Length || !char.IsSurrogatePair(key[i], key[++i])))
            {
                throw new ArgumentException("a key has half a character, which is no text", nameof(key));
            }
        }

        return key;
    }

    /// <summary>UTF-16 differs from UTF-8 in one place: its surrogates stand for the highest characters, and are not the
    /// highest numbers.</summary>
    private static int Compare(string left, string right)
    {
        int common = Math.Min(left.Length, right.Length);
        int same = left.AsSpan(0, common).CommonPrefixLength(right.AsSpan(0, common));
        return same == common ? left.Length.CompareTo(right.Length) : Rank(left[same]).CompareTo(Rank(right[same]));
    }

    private static int Rank(char unit) => char.IsSurrogate(unit) ? unit + 0x10000 : unit;
}
