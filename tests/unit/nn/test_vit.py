import pytest
import torch
from torch.nn import functional as F

from emofactors.nn.vit import ClassTokenTransformer, PatchEmbedding, SelfAttention, TransformerLayer

SIZES = {"heads": 3, "dim_head": 5}


@pytest.fixture
def transformer():
    torch.manual_seed(0)
    return ClassTokenTransformer(depth=3, dim=8, mlp_dim=11, **SIZES)


@pytest.fixture
def tokens():
    return torch.randn(2, 7, 8, generator=torch.Generator().manual_seed(1))


def reference_attention(attention, x):
    """Multi-head attention, head by head."""
    key, value = attention.key_value(x).chunk(2, dim=2)
    heads = []
    for head in range(3):
        part = slice(5 * head, 5 * head + 5)
        score = attention.query(x)[:, :, part] @ key[:, :, part].transpose(1, 2) / 5**0.5
        heads.append(score.softmax(dim=2) @ value[:, :, part])
    return attention.out(torch.cat(heads, dim=2))


def reference_layer(layer, x):
    x = x + reference_attention(layer.attention, layer.norm(x))
    norm, up, _, down = layer.feed_forward
    return x + down(F.gelu(up(norm(x))))


def test_attention_equals_the_formula(tokens):
    torch.manual_seed(0)
    attention = SelfAttention(8, **SIZES)
    torch.testing.assert_close(attention(tokens, 7), reference_attention(attention, tokens))
    torch.testing.assert_close(attention(tokens, 2), reference_attention(attention, tokens)[:, :2])


def test_attention_in_bfloat16_approximates_float32(tokens):
    torch.manual_seed(0)
    attention = SelfAttention(8, **SIZES)
    mask = (torch.arange(7) < torch.tensor([[5], [7]]))[:, None, None]
    with torch.autocast("cpu", torch.bfloat16):
        low = attention(tokens, 7, mask)
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.float(), attention(tokens, 7, mask), rtol=0, atol=0.02)


def test_masked_tokens_are_no_keys(tokens):
    torch.manual_seed(0)
    attention = SelfAttention(8, **SIZES)
    mask = (torch.arange(7) < torch.tensor([[4], [7]]))[:, None, None]
    torch.testing.assert_close(attention(tokens, 4, mask)[:1], reference_attention(attention, tokens[:1, :4]))
    torch.testing.assert_close(attention(tokens, 7, mask)[1:], reference_attention(attention, tokens[1:]))


def test_layer_has_preceding_norms_and_residual_connections(tokens):
    torch.manual_seed(0)
    layer = TransformerLayer(8, mlp_dim=11, **SIZES)
    torch.testing.assert_close(layer(tokens, 7), reference_layer(layer, tokens))


def test_embedding_is_the_class_token_after_all_layers_and_the_final_norm(transformer, tokens):
    x = torch.cat([transformer.class_token.expand(2, 1, 8), tokens], dim=1)
    for layer in transformer.layers:
        x = reference_layer(layer, x)
    torch.testing.assert_close(transformer(tokens), transformer.norm(x)[:, 0])


def test_invalid_tokens_have_no_effect(transformer, tokens):
    valid = torch.arange(7) < torch.tensor([[5], [7]])
    embedding = transformer(tokens, valid)
    torch.testing.assert_close(embedding[:1], transformer(tokens[:1, :5]))
    torch.testing.assert_close(embedding[1:], transformer(tokens[1:]))
    attention = transformer.class_attention(tokens, valid)
    torch.testing.assert_close(attention[:1, :5], transformer.class_attention(tokens[:1, :5]))
    assert (attention[0, 5:] == 0).all()


def test_class_attention_is_that_of_the_last_layer_without_the_class_token(transformer, tokens):
    x = torch.cat([transformer.class_token.expand(2, 1, 8), tokens], dim=1)
    for layer in transformer.layers[:-1]:
        x = reference_layer(layer, x)
    last = transformer.layers[-1]
    x = last.norm(x)
    query, key = last.attention.query(x[:, 0]), last.attention.key_value(x)[:, :, :15]
    weights = torch.zeros(2, 8)
    for head in range(3):
        part = slice(5 * head, 5 * head + 5)
        score = (key[:, :, part] * query[:, None, part]).sum(dim=2) / 5**0.5
        weights += score.softmax(dim=1) / 3
    expected = weights[:, 1:] / weights[:, 1:].sum(dim=1, keepdim=True)
    torch.testing.assert_close(transformer.class_attention(tokens), expected)


@pytest.mark.parametrize(("height", "width"), [(6, 1), (1, 4), (3, 2)])
def test_token_is_its_patch_normed_projected_and_normed(height, width):
    torch.manual_seed(0)
    embed = PatchEmbedding(2, height=height, width=width, dim=5)
    image = torch.randn(2, 2, 4, 6)
    tokens = embed(image)
    assert tokens.shape == (2, (4 // width) * (6 // height), 5)
    token = 0
    for frame in range(0, 4, width):
        for bin_ in range(0, 6, height):
            patch = image[:, :, frame : frame + width, bin_ : bin_ + height].flatten(1)
            torch.testing.assert_close(tokens[:, token], embed.embed(patch))
            token += 1


def test_default_queries_are_all_tokens(tokens):
    torch.manual_seed(0)
    layer = TransformerLayer(8, mlp_dim=11, **SIZES)
    assert torch.equal(layer(tokens), layer(tokens, tokens.shape[1]))


def test_images_that_are_no_multiple_of_the_patch_are_refused():
    with pytest.raises(
        ValueError, match="images have 10 frames of 12 bins, expected multiples of the patch size, 1 and 8"
    ):
        PatchEmbedding(1, height=8, width=1, dim=4)(torch.zeros(1, 1, 10, 12))
