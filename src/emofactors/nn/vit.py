"""A vision transformer without positional embedding, whose output is the class token."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PatchEmbedding(nn.Module):
    """Split an image into patches and embed each as a token.

    Source: Kim & Lee 2024, vertically long patches (all bins of one frame); public code.

    Args:
        channels: channels of the image, C.
        height: bins of a patch.
        width: frames of a patch.
        dim: size of a token, D.

    Example:
        >>> vertical = PatchEmbedding(1, height=128, width=1, dim=256)  # all bins of one frame
        >>> vertical(torch.rand(2, 1, 100, 128)).shape  # (B, C, T, F): frames before bins
        torch.Size([2, 100, 256])
    """

    def __init__(self, channels: int, *, height: int, width: int, dim: int) -> None:
        super().__init__()
        self.height, self.width = height, width
        n_pixels = channels * height * width
        self.embed = nn.Sequential(nn.LayerNorm(n_pixels), nn.Linear(n_pixels, dim), nn.LayerNorm(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Map images (B, C, T, F) to tokens (B, N, D), ordered by frame, then by bin.

        Raises:
            ValueError: if the size of the images is no multiple of that of a patch.
        """
        if x.shape[2] % self.width or x.shape[3] % self.height:
            raise ValueError(
                f"images have {x.shape[2]} frames of {x.shape[3]} bins, expected multiples of the patch size, "
                f"{self.width} and {self.height}"
            )
        x = x.unflatten(3, (-1, self.height)).unflatten(2, (-1, self.width))  # (B, C, T/w, w, F/h, h)
        return self.embed(x.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2))


class SelfAttention(nn.Module):
    """Multi-head self-attention.

    Source: Vaswani et al. 2017; Dosovitskiy et al. 2021.

    Args:
        dim: size of a token, D.
        heads: number of heads, H.
        dim_head: size of a query, key or value of one head.

    Example:
        >>> attention, tokens = SelfAttention(256, heads=5, dim_head=64), torch.randn(2, 129, 256)
        >>> attention(tokens).shape, attention(tokens, n_out=1).shape
        (torch.Size([2, 129, 256]), torch.Size([2, 1, 256]))
    """

    def __init__(self, dim: int, *, heads: int, dim_head: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, heads * dim_head, bias=False)
        self.key_value = nn.Linear(dim, 2 * heads * dim_head, bias=False)
        self.out = nn.Linear(heads * dim_head, dim)

    def forward(self, x: Tensor, n_out: int | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the attention output of the first tokens.

        Args:
            x: tokens, (B, N, D).
            n_out: number of tokens, from the first, that are queries; None: all, N.
            mask: mask of the tokens that are keys, (B, 1, 1, N), bool; None: all.

        Returns:
            (B, n_out, D).
        """
        query, key, value = self._queries(x, len(x[0]) if n_out is None else n_out), *self._keys_and_values(x)
        # On CPUs torch's fused kernel is faster in float32, but much slower in bfloat16.
        if query.dtype == torch.bfloat16 and query.device.type == "cpu":
            output = _attention_weights(query, key, mask) @ value  # (B, H, n_out, dim_head)
        else:
            output = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(output.transpose(1, 2).flatten(2))

    def weights_of_first(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the attention weights of the first token, (B, H, N); each row sums to 1."""
        query, (key, _) = self._queries(x, 1), self._keys_and_values(x)
        return _attention_weights(query, key, mask)[:, :, 0].float()

    def _queries(self, x: Tensor, n_out: int) -> Tensor:
        """Queries of the first tokens, (B, H, n_out, dim_head)."""
        return self.query(x[:, :n_out]).unflatten(2, (self.heads, -1)).transpose(1, 2)

    def _keys_and_values(self, x: Tensor) -> tuple[Tensor, ...]:
        """Keys and values, (B, H, N, dim_head) each."""
        return self.key_value(x).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind()


def _attention_weights(query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    """Weights (B, H, M, N) of queries (B, H, M, dim_head) and keys (B, H, N, dim_head), 0 where masked."""
    score = (query * query.shape[3] ** -0.5) @ key.transpose(2, 3)  # queries have fewer elements than scores
    if mask is not None:
        score = score.masked_fill(~mask, -torch.inf)
    return score.softmax(dim=3)


class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward network, each with a preceding layer norm and a residual connection.

    Source: Dosovitskiy et al. 2021.

    Args:
        dim: size of a token, D.
        heads: number of heads.
        dim_head: size of a query, key or value of one head.
        mlp_dim: units of the feed-forward network.

    Example:
        >>> layer = TransformerLayer(256, heads=5, dim_head=64, mlp_dim=256)
        >>> layer(torch.randn(2, 129, 256)).shape
        torch.Size([2, 129, 256])
    """

    def __init__(self, dim: int, *, heads: int, dim_head: int, mlp_dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, heads=heads, dim_head=dim_head)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(dim), nn.Linear(dim, mlp_dim), nn.GELU(), nn.Linear(mlp_dim, dim)
        )

    def forward(self, x: Tensor, n_out: int | None = None, mask: Tensor | None = None) -> Tensor:
        """Return the first ``n_out`` tokens after the layer, (B, n_out, D); arguments as in attention."""
        x = x[:, :n_out] + self.attention(self.norm(x), n_out, mask)
        return x + self.feed_forward(x)


class ClassTokenTransformer(nn.Module):
    """Transformer layers over the tokens and a class token, which becomes the embedding.

    There is no positional embedding: the order of the tokens does not change the embedding.

    Source: Dosovitskiy et al. 2021, class token; Kim & Lee 2024, no positional embedding (public code).

    Args:
        depth: number of layers, at least 1.
        dim: size of a token, D.
        heads: number of heads.
        dim_head: size of a query, key or value of one head.
        mlp_dim: units of the feed-forward networks.

    Example:
        >>> transformer = ClassTokenTransformer(depth=3, dim=256, heads=5, dim_head=64, mlp_dim=256)
        >>> tokens = torch.randn(2, 100, 256)
        >>> transformer(tokens).shape, transformer.class_attention(tokens).shape
        (torch.Size([2, 256]), torch.Size([2, 100]))
        >>> shuffled = tokens[:, torch.randperm(100)]
        >>> transformer(shuffled).allclose(transformer(tokens), atol=1e-5)
        True
    """

    def __init__(self, *, depth: int, dim: int, heads: int, dim_head: int, mlp_dim: int) -> None:
        super().__init__()
        self.class_token = nn.Parameter(torch.randn(dim))
        self.layers = nn.ModuleList(
            TransformerLayer(dim, heads=heads, dim_head=dim_head, mlp_dim=mlp_dim) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the embedding (B, D) of tokens (B, N, D), all or those in the mask ``valid`` (B, N)."""
        x, mask = self._before_last_layer(tokens, valid)
        x = self.layers[-1](x, 1, mask)  # only the class token of the last layer is used
        return self.norm(x[:, 0])

    def class_attention(self, tokens: Tensor, valid: Tensor | None = None) -> Tensor:
        """Return the attention of the class token to the other tokens in the last layer.

        Args:
            tokens: tokens, (B, N, D).
            valid: mask of the tokens of each image, (B, N), bool; None: all.

        Returns:
            Mean over the heads, without the class token itself, (B, N); each row sums to 1.
        """
        x, mask = self._before_last_layer(tokens, valid)
        last = self.layers[-1]
        assert isinstance(last, TransformerLayer)
        weights = last.attention.weights_of_first(last.norm(x), mask).mean(dim=1)[:, 1:]  # (B, N)
        return weights / weights.sum(dim=1, keepdim=True)

    def _before_last_layer(self, tokens: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Input of the last layer, class token and tokens (B, 1 + N, D), and its attention mask."""
        x = torch.cat([self.class_token.expand(len(tokens), 1, -1), tokens], dim=1)
        mask = None if valid is None else F.pad(valid, (1, 0), value=True)[:, None, None]  # (B, 1, 1, 1 + N)
        for layer in self.layers[:-1]:
            x = layer(x, x.shape[1], mask)
        return x, mask
