"""FastAPI's hello as its documentation writes it: one route, no middleware of one's own."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def hello() -> dict[str, str]:
    """Answers with a constant."""
    return {"status": "alive"}
